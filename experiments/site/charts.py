"""The page's charts in Altair, each drawn from records; the README's pictures are the same charts.

Each chart is one view, as wide as its place on the page. `rows` has the charts with a line for each row.
Colours come from `theme`, in the order of a chart's series.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from attrs import frozen

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
class Charts:
    """Charts that stand together; with `options`, they show the row that the reader chooses of these."""

    charts: tuple[Chart, ...]
    id: str = ""
    label: str = ""
    options: tuple[str, ...] = ()


def identifier(*words: str) -> str:
    """An HTML id, and a CSS name, from names of experiments and columns."""
    return "-".join(words).replace("/", "-").replace(".", "-")


def data(records: Sequence[Record]) -> alt.InlineData:
    """The records as CSV, which takes a third of the space of JSON; numbers have `DIGITS` digits."""
    fields = list(records[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for record in records:
        values = (record[field] for field in fields)
        writer.writerow(f"{one:.{DIGITS}g}" if isinstance(one, float) else one for one in values)
    texts = {field for record in records for field in fields if isinstance(record[field], str)}
    numbers = {field: "number" for field in fields if field not in texts}
    return alt.InlineData(text.getvalue(), format=alt.CsvDataFormat(type="csv", parse=numbers))


def series_of(records: Sequence[Record]) -> list[str]:
    """The names of the records' series, in their order."""
    return list(dict.fromkeys(record["series"] for record in records))


def colour_of(names: Sequence[str], **legend: Any) -> alt.Color:
    """The series' colours, with a legend."""
    shown = alt.Legend(title=None, columns=1, **legend)
    return alt.Color("series:N", legend=shown).scale(domain=list(names))


def legend_choice() -> alt.Parameter:
    """The series that the reader chooses in the legend."""
    return alt.selection_point(fields=["series"], bind="legend", name="series_chosen")


def highlighted(chosen: alt.Parameter | str, opacity: float, others: float = HIDDEN) -> Any:
    """The opacity of what is chosen, and of the others."""
    return alt.when(chosen).then(alt.value(opacity)).otherwise(alt.value(others))


def tooltips(number: str, **titles: str) -> list[alt.Tooltip]:
    """A mark's texts under the pointer: fields with titles; `number` is the format of `MEASURED`."""
    return [
        alt.Tooltip(f"{field}:Q", title=title, format=number)
        if field in MEASURED
        else alt.Tooltip(f"{field}:{'N' if field in NAMES else 'Q'}", title=title)
        for field, title in titles.items()
    ]


def curves(records: Sequence[Record], quantity: str, chosen: int | None = None) -> alt.LayerChart:
    """A quantity by epoch: `mean` over the `runs` that reached the `epoch`, a band from `low` to `high`.

    With `chosen`, one row at a time is shown, first this one.
    """
    names = series_of(records)
    looks = {"symbolStrokeWidth": 2, "symbolOpacity": 1, "symbolType": "stroke", "symbolSize": 400}
    dashes = [list(dash) for dash in DASHES[: len(names)]]
    dash = alt.StrokeDash("series:N", legend=alt.Legend(title=None, columns=1, **looks))
    legend = legend_choice()
    near = alt.selection_point(
        fields=["epoch", "series"], nearest=True, on="pointerover", clear="pointerout", empty=False,
        name="near",
    )  # fmt: skip
    # One run has no band.
    bands = {side: f"isValid(datum.{side}) ? datum.{side} : datum.mean" for side in ("low", "high")}
    epoch = alt.X("epoch:Q", title="Epoch").axis(grid=False, tickMinStep=1, format="d")
    base = alt.Chart(data(records)).transform_calculate(**bands)
    base = base.encode(x=epoch.scale(nice=False), color=colour_of(names, **looks))
    low, y = (alt.Y(f"{end}:Q", title=quantity).scale(zero=False) for end in ("low", "mean"))
    band = base.mark_area(opacity=0.2, interpolate="linear").encode(
        y=low, y2="high:Q", opacity=highlighted(legend, 0.2, 0.03)
    )
    line = base.mark_line(strokeWidth=2).encode(
        y=y, strokeDash=dash.scale(domain=names, range=dashes), opacity=highlighted(legend, 1)
    )
    texts = tooltips(
        ".2f" if quantity.endswith("%") else ".4f", series="Curve", epoch="Epoch", mean="Mean",
        low="Lowest run", high="Highest run", runs="Runs",
    )  # fmt: skip
    points = base.mark_point(filled=True, size=60).encode(
        y=y, opacity=highlighted(near, 1, 0), tooltip=texts
    )
    layers = [band, line.add_params(legend), points.add_params(near)]
    return of_row(alt.LayerChart(layer=layers), chosen, CURVE_HEIGHT)


def class_bars(records: Sequence[Record], chosen: int | None = None) -> alt.LayerChart:
    """Accuracy by `class`, a bar for each series, a line from `low` to `high`."""
    names, classes = series_of(records), list(dict.fromkeys(one["class"] for one in records))
    legend = legend_choice()
    base = alt.Chart(data(records)).encode(
        y=alt.Y("class:N", title=None, sort=classes).axis(ticks=False, domain=False),
        yOffset=alt.YOffset("series:N").scale(domain=names),
        color=colour_of(names),
        opacity=highlighted(legend, 1),
    )
    low, value = (alt.X(f"{end}:Q", title="Accuracy on the class, %") for end in ("low", "value"))
    texts = {"class": "Class", "series": "What", "value": "Accuracy, %"}
    texts |= {"low": "Lowest run", "high": "Highest run"}
    bars = base.mark_bar().encode(
        x=value.scale(domain=[0, 100]).axis(tickCount=10), tooltip=tooltips(".1f", **texts)
    )
    spread = base.mark_rule(strokeWidth=1.5).encode(
        x=low, x2="high:Q", color=alt.value(alt.ExprRef("ink"))
    )
    layers = [bars.add_params(legend), *[spread] * has_spread(records)]
    return of_row(alt.LayerChart(layer=layers), chosen, len(classes) * (14 * len(names) + 10))


def confusion(
    records: Sequence[Record], classes: Sequence[str], chosen: int | None = None
) -> alt.LayerChart:
    """`images` by correct and predicted class (indices `c` and `p`), in percent of the correct one."""
    names = json.dumps(list(classes))
    x, y = (
        alt.X("predicted:N", title="Predicted", sort=list(classes)),
        alt.Y("correct:N", title="Correct", sort=list(classes)),
    )
    base = (
        alt.Chart(data(records))
        .transform_calculate(correct=f"{names}[datum.c]", predicted=f"{names}[datum.p]")
        .transform_joinaggregate(total="sum(images)", groupby=["row", "c"])
        .transform_calculate(percent="datum.total ? 100 * datum.images / datum.total : 0")
        .encode(
            x=x.axis(labelAngle=-40, ticks=False, domain=False),
            y=y.axis(ticks=False, domain=False),
        )
    )
    shade = alt.Color("percent:Q", legend=None)
    cells = base.mark_rect(stroke=alt.ExprRef("ground"), strokeWidth=1).encode(
        color=shade.scale(type="pow", exponent=0.5, domain=[0, 100], range="heatmap"),
        tooltip=[
            alt.Tooltip("correct:N", title="Correct"),
            alt.Tooltip("predicted:N", title="Predicted"),
            alt.Tooltip("percent:Q", title="Of the correct class, %", format=".2f"),
            alt.Tooltip("images:Q", title="Images, all runs", format=",d"),
        ],
    )
    ink = alt.when("datum.percent > 25").then(alt.value(alt.ExprRef("ground")))
    figures = base.mark_text(fontSize=10).encode(
        text=alt.Text("percent:Q", format=".0f"),
        color=ink.otherwise(alt.value(alt.ExprRef("ink"))),
        opacity=highlighted("datum.percent < 0.5", 0, 1),
    )
    return of_row(alt.LayerChart(layer=[cells, figures]), chosen, 30 * len(classes))


def has_spread(records: Sequence[Record]) -> bool:
    """Whether any record has an interval. Without one, Vega has no extent to draw."""
    return any(record["low"] is not None for record in records)


def of_row(chart: alt.LayerChart, chosen: int | None, height: float) -> alt.LayerChart:
    """The chart with its size, the colours that marks may name and, if one is chosen, that row alone."""
    colours = [
        alt.param(name=name, value=code) for name, code in (("ink", "#000"), ("ground", "#fff"))
    ]
    chart = chart.add_params(*colours).properties(width="container", height=height)
    if chosen is None:
        return chart
    return chart.add_params(alt.param(name="row", value=chosen)).transform_filter(
        "datum.row === row"
    )
