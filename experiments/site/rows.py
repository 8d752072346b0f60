"""The page's charts with a line a row: reported beside measured, effects, ratios.

A row's name stands above what it names, so that even a telephone has room for both.
"""

from collections.abc import Sequence

import altair as alt

from experiments.site.charts import (
    Record,
    chosen_alone,
    colour_of,
    data,
    has_spread,
    legend_choice,
    of_row,
    series_of,
    told,
)

NAME_HEIGHT, MARK_HEIGHT = 22, 18
"""Pixels of a row's name, and of what stands beneath it: one line, or one a series."""
BELOW = 9
"""From a row's middle down to the middle of its one line."""
TICKS = (-30, -10, -3, -1, -0.3, 0, 0.3, 1, 3, 10, 30)
"""Of effects, in points."""
BESIDE = ("measured: mean, 95 % interval", "one run", "reported")
"""The series of `beside`."""


def beside(records: Sequence[Record], quantity: str) -> alt.LayerChart:
    """Reported beside measured, a line a row.

    `records` have `row`, `series` (of `BESIDE`), `value`, and `low` and `high`, which only the first
    series has, and only of several runs.
    """
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(y=_rows_axis(), color=colour_of(BESIDE))
    x = alt.X("value:Q", title=quantity).scale(zero=False).axis(tickCount=6)
    interval = base.mark_rule(strokeWidth=3, opacity=0.55, yOffset=BELOW).encode(
        x=alt.X("low:Q", title=quantity).scale(zero=False), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=120, yOffset=BELOW).encode(
        x=x,
        shape=_shapes(BESIDE, ("circle", "M-0.12,-0.8H0.12V0.8H-0.12Z", "diamond")),
        opacity=chosen_alone(legend, 0.95),
        tooltip=told(
            ".2f", row="Row", series="What", value=quantity, low="95 % from", high="95 % to"
        ),
    )
    layers = [interval] * has_spread(records)
    return _with_names(alt.LayerChart(layer=[*layers, points.add_params(legend)]), records)


def effects(records: Sequence[Record], quantity: str, verdicts: Sequence[str]) -> alt.LayerChart:
    """Each claim's effect with its interval, on a scale whose 0 is "no effect".

    `records` have `row` (the claim), `series` (the verdict), `value`, `low`, `high` and `runs`.
    """
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(y=_rows_axis(), color=colour_of(verdicts))
    faded = chosen_alone(legend, 0.9)
    # From tenths of a point to tens: a straight scale would leave no room for the tenths.
    scale = alt.Scale(type="symlog", constant=0.3, zero=True)
    x = alt.X("value:Q", title=quantity, scale=scale).axis(values=list(TICKS))
    interval = base.mark_rule(strokeWidth=3, yOffset=BELOW).encode(
        x=alt.X("low:Q", title=quantity, scale=scale), x2="high:Q", opacity=faded
    )
    points = base.mark_point(filled=True, size=120, yOffset=BELOW).encode(
        x=x,
        opacity=faded,
        shape=_shapes(verdicts, ("circle", "square", "triangle-up", "diamond")),
        tooltip=told(
            "+.2f",
            row="Claim",
            series="Verdict",
            value="Effect",
            low="95 % from",
            high="95 % to",
            runs="Pairs of runs",
        ),
    )
    layers = [interval] * has_spread(records)
    return _with_names(
        alt.LayerChart(layer=[_zero(0), *layers, points.add_params(legend)]), records
    )


def ratios(records: Sequence[Record], quantity: str) -> alt.LayerChart:
    """How many times another's our speed is, median and from the least to the most round, 1 marked.

    `records` have `row`, `series` (the other), `value`, `low` and `high`.
    """
    names = series_of(records)
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(
        y=_rows_axis(),
        yOffset=alt.YOffset("series:N").scale(
            domain=names,
            range=[NAME_HEIGHT + MARK_HEIGHT / 2, NAME_HEIGHT + MARK_HEIGHT * (len(names) - 0.5)],
        ),
        color=colour_of(names),
    )
    faded = chosen_alone(legend, 0.9)
    scale = alt.Scale(type="log", nice=False)
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=quantity, scale=scale), x2="high:Q", opacity=faded
    )
    points = base.mark_point(filled=True, size=70).encode(
        x=alt.X("value:Q", title=quantity, scale=scale).axis(tickCount=6, format="~g"),
        opacity=faded,
        tooltip=told(
            ".2f", row="Network", series="Against", value="Median", low="Least", high="Most"
        ),
    )
    chart = alt.LayerChart(layer=[_zero(1), interval, points.add_params(legend)])
    return _with_names(chart, records, len(names))


def _shapes(names: Sequence[str], shapes: Sequence[str]) -> alt.Shape:
    """The series' shapes, in their order, so that they differ by more than colour."""
    legend = alt.Legend(title=None, columns=1)
    return alt.Shape("series:N", legend=legend).scale(
        domain=list(names), range=list(shapes[: len(names)])
    )


def _rows_axis() -> alt.Y:
    return alt.Y("row:N", sort=None, axis=None).scale(type="band", padding=0)


def _with_names(chart: alt.LayerChart, records: Sequence[Record], lines: int = 1) -> alt.LayerChart:
    """The chart with each row's name above what it names, which takes so many lines."""
    rows = list(dict.fromkeys(record["row"] for record in records))
    height = NAME_HEIGHT + MARK_HEIGHT * lines
    names = (
        alt.Chart(data([{"row": row} for row in rows]))
        .mark_text(
            align="left",
            baseline="middle",
            dy=NAME_HEIGHT / 2 - height / 2,
            limit=alt.ExprRef("width"),
        )
        .encode(y=_rows_axis(), x=alt.value(0), text="row:N")
    )
    return of_row(alt.LayerChart(layer=[names, chart]), None).properties(
        width="container", height=height * len(rows)
    )


def _zero(value: float) -> alt.Chart:
    """A rule where nothing is gained or lost."""
    return (
        alt.Chart(data([{"value": value}]))
        .mark_rule(strokeDash=[3, 3], opacity=0.7)
        .encode(x="value:Q")
    )
