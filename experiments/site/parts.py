"""What the page's parts are: charts, choosers of what they show, and an experiment with all it has."""

from dataclasses import dataclass, field
from typing import Any

import altair as alt

from experiments.site import tables


@dataclass(frozen=True)
class Chart:
    """A chart on the page."""

    id: str
    title: str
    described: str
    """For those who don't see it."""
    caption: str
    chart: alt.LayerChart
    wide: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        """Its Vega-Lite, without what a page's theme gives: Altair's own config would win over it."""
        made = self.chart.to_dict()
        return {name: value for name, value in made.items() if name not in ("$schema", "config")}


@dataclass(frozen=True)
class Chooser:
    """Which row the charts beneath it show."""

    id: str
    label: str
    options: tuple[str, ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Part:
    """An experiment on the page."""

    name: str
    title: str
    reproduces: str
    notes: tuple[str, ...]
    """What its module says of it: open points, and what is known of differences."""
    lines: list[tables.Line]
    reported: bool
    """Whether the report has any of its figures."""
    columns: list[str]
    figures: list[tables.Figures]
    charts: tuple[Chart, ...] = ()
    """Reported beside measured."""
    comparisons: tuple[Chart, ...] = ()
    """The report's own."""
    choosers: tuple[Chooser, ...] = ()
    run_columns: str = ""
    runs: list[tables.RunLine] = field(default_factory=list)
