"""The page's charts with a line for each row: measured and reported figures, effects, ratios.

A row's name stands above its marks, so that both fit on a narrow screen.
"""

from collections.abc import Sequence

import altair as alt

from experiments.site.charts import (
    Record,
    colour_of,
    data,
    has_spread,
    highlighted,
    legend_choice,
    of_row,
    series_of,
    tooltips,
)

NAME_HEIGHT, MARK_HEIGHT = 22, 18
"""Pixels of a row's name, and of each line of marks below it."""
BELOW = 9
"""Pixels from the middle of a row down to the middle of its line of marks."""
TICKS = (-30, -10, -3, -1, -0.3, 0, 0.3, 1, 3, 10, 30)
"""Ticks of effects, in points."""
MEASURED, ONE_RUN, REPORTED = SERIES = ("measured: mean, 95 % interval", "one run", "reported")
"""The series of `measured_and_reported`."""


def measured_and_reported(records: Sequence[Record], quantity: str) -> alt.LayerChart:
    """Measured and reported figures, a line for each row.

    `records` have `row`, `series` (one of `SERIES`), `value`, `low` and `high`; the last two are None but
    for `MEASURED` of several runs.
    """
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(y=_rows_axis(), color=colour_of(SERIES))
    x = alt.X("value:Q", title=quantity).scale(zero=False).axis(tickCount=6)
    interval = base.mark_rule(strokeWidth=3, opacity=0.55, yOffset=BELOW).encode(
        x=alt.X("low:Q", title=quantity).scale(zero=False), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=120, yOffset=BELOW).encode(
        x=x,
        shape=_shapes(SERIES, ("circle", "M-0.12,-0.8H0.12V0.8H-0.12Z", "diamond")),
        opacity=highlighted(legend, 0.95),
        tooltip=tooltips(
            ".2f", row="Row", series="What", value=quantity, low="95 % from", high="95 % to"
        ),
    )
    layers = [interval] * has_spread(records)
    return _with_names(alt.LayerChart(layer=[*layers, points.add_params(legend)]), records)


def effects(records: Sequence[Record], quantity: str, verdicts: Sequence[str]) -> alt.LayerChart:
    """Effects with their intervals, on a scale whose 0 is "no effect".

    `records` have `row` (the comparison), `series` (the verdict), `value`, `low`, `high` and `n`.
    """
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(y=_rows_axis(), color=colour_of(verdicts))
    faded = highlighted(legend, 0.9)
    # Effects range from tenths of a point to tens: a linear scale would hide the tenths.
    scale = alt.Scale(type="symlog", constant=0.3, zero=True)
    x = alt.X("value:Q", title=quantity, scale=scale).axis(values=list(TICKS))
    interval = base.mark_rule(strokeWidth=3, yOffset=BELOW).encode(
        x=alt.X("low:Q", title=quantity, scale=scale), x2="high:Q", opacity=faded
    )
    points = base.mark_point(filled=True, size=120, yOffset=BELOW).encode(
        x=x,
        opacity=faded,
        shape=_shapes(verdicts, ("circle", "square", "diamond", "triangle-up")),
        tooltip=tooltips(
            "+.2f",
            row="Comparison",
            series="Verdict",
            value="Effect",
            low="90 % from",
            high="90 % to",
            n="Seeds",
        ),
    )
    layers = [interval] * has_spread(records)
    return _with_names(
        alt.LayerChart(layer=[_zero(0), *layers, points.add_params(legend)]), records
    )


def ratios(records: Sequence[Record], quantity: str) -> alt.LayerChart:
    """Ratios of speeds: the median, and a line from the lowest to the highest round; 1 is marked.

    `records` have `row`, `series` (what is compared with), `value`, `low` and `high`.
    """
    texts = tooltips(
        ".2f", row="Network", series="Compared with", value="Median", low="Lowest", high="Highest"
    )
    return _series_lines(records, quantity, alt.Scale(type="log", nice=False), texts)


def differences(records: Sequence[Record], quantity: str) -> alt.LayerChart:
    """Mean differences with their intervals, a line for each series of a row; 0 is marked.

    `records` have `row`, `series`, `value`, `low`, `high` (None for one value) and `n`.
    """
    texts = tooltips(
        "+.2f", row="Networks", series="Images", value="Mean", low="95 % from", high="95 % to",
        n="Values",
    )  # fmt: skip
    return _series_lines(records, quantity, alt.Scale(zero=True), texts)


def _series_lines(
    records: Sequence[Record], quantity: str, scale: alt.Scale, texts: list[alt.Tooltip]
) -> alt.LayerChart:
    """A point and its line for each series of each row, below each other; "no difference" is marked."""
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
    faded = highlighted(legend, 0.9)
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=quantity, scale=scale), x2="high:Q", opacity=faded
    )
    points = base.mark_point(filled=True, size=70).encode(
        x=alt.X("value:Q", title=quantity, scale=scale).axis(tickCount=6, format="~g"),
        opacity=faded,
        shape=_shapes(names, ("circle", "square", "diamond", "triangle-up", "cross", "stroke")),
        tooltip=texts,
    )
    layers = [interval] * has_spread(records)
    no_difference = 1 if scale.to_dict().get("type") == "log" else 0
    chart = alt.LayerChart(layer=[_zero(no_difference), *layers, points.add_params(legend)])
    return _with_names(chart, records, len(names))


def _shapes(names: Sequence[str], shapes: Sequence[str]) -> alt.Shape:
    """The series' shapes, in their order: series must not differ by colour alone."""
    legend = alt.Legend(title=None, columns=1)
    return alt.Shape("series:N", legend=legend).scale(
        domain=list(names), range=list(shapes[: len(names)])
    )


def _rows_axis() -> alt.Y:
    return alt.Y("row:N", sort=None, axis=None).scale(type="band", padding=0)


def _with_names(chart: alt.LayerChart, records: Sequence[Record], lines: int = 1) -> alt.LayerChart:
    """The chart with each row's name above its lines of marks."""
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
    """A rule at the value that means no difference."""
    return (
        alt.Chart(data([{"value": value}]))
        .mark_rule(strokeDash=[3, 3], opacity=0.7)
        .encode(x="value:Q")
    )
