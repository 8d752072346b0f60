"""What the page is built from: charts, choosers of a row, and an experiment with everything that it has."""

from typing import Any

import altair as alt
from attrs import frozen

from experiments.site import tables


@frozen
class Chart:
    """A chart on the page."""

    id: str
    title: str
    description: str
    """For readers who do not see the chart."""
    caption: str
    chart: alt.LayerChart
    wide: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        """Its Vega-Lite without Altair's own config, which would override the page's theme."""
        made = self.chart.to_dict(validate=False)  # its pieces were validated when they were made
        return {name: value for name, value in made.items() if name not in ("$schema", "config")}


@frozen
class Chooser:
    """A list from which the reader chooses the row that the charts below it show."""

    id: str
    label: str
    options: tuple[str, ...]
    charts: tuple[Chart, ...]


@frozen
class Part:
    """An experiment on the page."""

    id: str
    name: str
    group: str
    title: str
    reproduces: str
    notes: tuple[str, ...]
    """What the report leaves open, and what is known of differences."""
    lines: list[tables.Line]
    reported: bool
    """Whether the report has any of its figures."""
    columns: list[str]
    figures: list[tables.Figures]
    charts: tuple[Chart, ...] = ()
    """Measured and reported figures."""
    comparisons: tuple[Chart, ...] = ()
    """The report's own charts."""
    choosers: tuple[Chooser, ...] = ()
    run_columns: str = ""
    runs: tuple[tables.RunLine, ...] = ()


def identifier(*words: str) -> str:
    """An HTML id, and a CSS name, from names of experiments and columns."""
    return "-".join(words).replace("/", "-").replace(".", "-")
