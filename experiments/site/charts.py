"""The page's charts in Altair, each drawn from records; the README's pictures are the same charts.

Each chart is one view, as wide as its place on the page. `rows` has the charts with a line for each row.
Colours come from `theme`, in the order of a chart's series.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

Record = Mapping[str, Any]

DIGITS = 4
"""Significant digits of the charts' data."""
CURVE_HEIGHT = 260
HIDDEN = 0.12
"""Opacity of the series that are not chosen in the legend."""
NAMES, MEASURED = ("row", "series", "class", "n"), ("mean", "value", "low", "high")
"""Fields of records: texts, and measured numbers. The others are counts."""
DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (1, 4), (10, 4))
"""Series must not differ by colour alone."""


class Scales(NamedTuple):
    """How series differ."""

    colour: alt.Color
    dash: alt.StrokeDash


def data(records: Sequence[Record]) -> alt.InlineData:
    """The records as CSV, which takes a third of the space of JSON; numbers have `DIGITS` digits."""
    fields = list(records[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows([_csv_value(record[field]) for field in fields] for record in records)
    numbers = {
        field: "number"
        for field in fields
        if not any(isinstance(record[field], str) for record in records)
    }
    return alt.InlineData(text.getvalue(), format=alt.CsvDataFormat(type="csv", parse=numbers))


def _csv_value(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else value


def series_of(records: Sequence[Record]) -> list[str]:
    """The names of the records' series, in their order."""
    return list(dict.fromkeys(record["series"] for record in records))


def _scales(names: Sequence[str]) -> Scales:
    legend = alt.Legend(
        title=None,
        columns=1,
        symbolStrokeWidth=2,
        symbolOpacity=1,
        symbolType="stroke",
        symbolSize=400,
    )
    return Scales(
        colour_of(names, legend),
        alt.StrokeDash("series:N", legend=legend).scale(
            domain=list(names), range=[list(dash) for dash in DASHES[: len(names)]]
        ),
    )


def colour_of(names: Sequence[str], legend: alt.Legend | None = None) -> alt.Color:
    """The series' colours, with a legend."""
    legend = legend or alt.Legend(title=None, columns=1)
    return alt.Color("series:N", legend=legend).scale(domain=list(names))


def legend_choice() -> alt.Parameter:
    """The series that the reader chooses in the legend."""
    return alt.selection_point(fields=["series"], bind="legend", name="series_chosen")


def highlighted(legend: alt.Parameter, opacity: float) -> Any:
    """The opacity of the series that the reader chooses; the others fade."""
    return alt.when(legend).then(alt.value(opacity)).otherwise(alt.value(HIDDEN))


def tooltips(number: str, **titles: str) -> list[alt.Tooltip]:
    """A mark's texts under the pointer: fields with titles; `number` is the format of `MEASURED`."""
    return [
        alt.Tooltip(f"{field}:Q", title=title, format=number)
        if field in MEASURED
        else alt.Tooltip(f"{field}:{'N' if field in NAMES else 'Q'}", title=title)
        for field, title in titles.items()
    ]


def curves(
    records: Sequence[Record], quantity: str, *, percent: bool = False, chosen: int | None = None
) -> alt.LayerChart:
    """A quantity by epoch: the mean of the runs that reached it, and a band from the lowest to the highest.

    `records` have `row`, `series`, `epoch`, `mean`, `low` and `high` (None for one run) and `runs`. If
    `chosen` is given, the chart shows one row at a time, first this one.
    """
    scales = _scales(series_of(records))
    legend = legend_choice()
    near = alt.selection_point(
        fields=["epoch", "series"], nearest=True, on="pointerover", clear="pointerout", empty=False,
        name="near",
    )  # fmt: skip
    shown = highlighted(legend, 1)
    number = ".2f" if percent else ".4f"
    # One run has no band.
    bands = {side: f"isValid(datum.{side}) ? datum.{side} : datum.mean" for side in ("low", "high")}
    base = (
        alt.Chart(data(records))
        .transform_calculate(**bands)
        .encode(
            x=alt.X("epoch:Q", title="Epoch")
            .axis(grid=False, tickMinStep=1, format="d")
            .scale(nice=False),
            color=scales.colour,
        )
    )
    y = alt.Y("mean:Q", title=quantity).scale(zero=False)
    band = base.mark_area(opacity=0.2, interpolate="linear").encode(
        y=alt.Y("low:Q", title=quantity).scale(zero=False),
        y2="high:Q",
        opacity=alt.when(legend).then(alt.value(0.2)).otherwise(alt.value(0.03)),
    )
    line = base.mark_line(strokeWidth=2).encode(y=y, strokeDash=scales.dash, opacity=shown)
    points = (
        base.mark_point(filled=True, size=60)
        .encode(
            y=y,
            opacity=alt.when(near).then(alt.value(1)).otherwise(alt.value(0)),
            tooltip=tooltips(
                number,
                series="Curve",
                epoch="Epoch",
                mean="Mean",
                low="Lowest run",
                high="Highest run",
                runs="Runs",
            ),
        )
        .add_params(near)
    )
    chart = alt.LayerChart(layer=[band, line.add_params(legend), points])
    return of_row(chart, chosen).properties(width="container", height=CURVE_HEIGHT)


def class_bars(records: Sequence[Record], chosen: int | None = None) -> alt.LayerChart:
    """Accuracy by class, a bar for each series.

    `records` have `row`, `class`, `series`, `value`, `low` and `high`.
    """
    names, classes = series_of(records), list(dict.fromkeys(one["class"] for one in records))
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(
        y=alt.Y("class:N", title=None, sort=classes).axis(ticks=False, domain=False),
        yOffset=alt.YOffset("series:N").scale(domain=names),
        color=colour_of(names),
        opacity=highlighted(legend, 1),
    )
    title = "Accuracy on the class, %"
    bars = base.mark_bar().encode(
        x=alt.X("value:Q", title=title).scale(domain=[0, 100]).axis(tickCount=10),
        tooltip=tooltips(
            ".1f",
            **{"class": "Class"},
            series="What",
            value="Accuracy, %",
            low="Lowest run",
            high="Highest run",
        ),
    )
    spread = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("low:Q", title=title), x2="high:Q", color=alt.value(alt.ExprRef("ink"))
    )
    chart = alt.LayerChart(layer=[bars.add_params(legend), *[spread] * has_spread(records)])
    height = len(classes) * (14 * len(names) + 10)
    return of_row(chart, chosen).properties(width="container", height=height)


def confusion(
    records: Sequence[Record], classes: Sequence[str], chosen: int | None = None
) -> alt.LayerChart:
    """Predicted class by correct class, in percent of the correct class.

    `records` have `row`, `c` and `p`, the indices of the correct and the predicted class, and `images`.
    """
    names = json.dumps(list(classes))
    counted = (
        alt.Chart(data(records))
        .transform_calculate(correct=f"{names}[datum.c]", predicted=f"{names}[datum.p]")
        .transform_joinaggregate(total="sum(images)", groupby=["row", "c"])
        .transform_calculate(percent="datum.total ? 100 * datum.images / datum.total : 0")
    )
    base = counted.encode(
        x=alt.X("predicted:N", title="Predicted", sort=list(classes)).axis(
            labelAngle=-40, ticks=False, domain=False
        ),
        y=alt.Y("correct:N", title="Correct", sort=list(classes)).axis(ticks=False, domain=False),
    )
    cells = base.mark_rect(stroke=alt.ExprRef("ground"), strokeWidth=1).encode(
        color=alt.Color("percent:Q", legend=None).scale(
            type="pow", exponent=0.5, domain=[0, 100], range="heatmap"
        ),
        tooltip=[
            alt.Tooltip("correct:N", title="Correct"),
            alt.Tooltip("predicted:N", title="Predicted"),
            alt.Tooltip("percent:Q", title="Of the correct class, %", format=".2f"),
            alt.Tooltip("images:Q", title="Images, all runs", format=",d"),
        ],
    )
    figures = base.mark_text(fontSize=10).encode(
        text=alt.Text("percent:Q", format=".0f"),
        color=alt.when("datum.percent > 25")
        .then(alt.value(alt.ExprRef("ground")))
        .otherwise(alt.value(alt.ExprRef("ink"))),
        opacity=alt.when("datum.percent < 0.5").then(alt.value(0)).otherwise(alt.value(1)),
    )
    chart = alt.LayerChart(layer=[cells, figures])
    return of_row(chart, chosen).properties(width="container", height=30 * len(classes))


def has_spread(records: Sequence[Record]) -> bool:
    """Whether any record has an interval. Without one, Vega has no extent to draw."""
    return any(record["low"] is not None for record in records)


def of_row(chart: alt.LayerChart, chosen: int | None) -> alt.LayerChart:
    """Add the colours that marks may name and, if a row is chosen, show that row alone."""
    chart = chart.add_params(
        alt.param(name="ink", value="#000"), alt.param(name="ground", value="#fff")
    )
    if chosen is None:
        return chart
    return chart.add_params(alt.param(name="row", value=chosen)).transform_filter(
        "datum.row === row"
    )
