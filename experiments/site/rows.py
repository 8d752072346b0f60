"""The page's charts with a line for each row: measured and reported figures, effects, differences, ratios.

A row's name stands above its marks, so that both fit on a narrow screen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
MEASURED, ONE_RUN, REPORTED = SERIES = ("measured: mean, 95 % interval", "one run", "reported")
"""The series of measured and reported figures."""
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "stroke")
"""Of the series, in their order: series must not differ by colour alone."""
TICK = "M-0.12,-0.8H0.12V0.8H-0.12Z"


class Look(NamedTuple):
    """How a chart shows its rows."""

    texts: Mapping[str, str]
    """Titles of the fields under the pointer; without one, it is the quantity."""
    number: str = "+.2f"
    """Format of the measured numbers there."""
    no_difference: float | None = 0
    """Where a rule is drawn."""
    scale: alt.Scale = alt.Scale(zero=True)
    axis: Mapping[str, Any] = {"tickCount": 6, "format": "~g"}
    series: Sequence[str] = ()
    """All on one line, in this order; without them, each of the records' series has a line."""
    shapes: Sequence[str] = SHAPES


FROM_TO_95 = {"low": "95 % from", "high": "95 % to"}
FIGURES = Look(
    {"row": "Row", "series": "What", "value": "", **FROM_TO_95}, ".2f", None,
    alt.Scale(zero=False), {"tickCount": 6}, SERIES, ("circle", TICK, "diamond"),
)  # fmt: skip
"""Measured and reported figures."""
EFFECTS = Look(
    {"row": "Comparison", "series": "Verdict", "value": "Effect", "low": "90 % from", "high": "90 % to",
     "n": "Seeds"},
    # Effects range from tenths of a point to tens: a linear scale would hide the tenths.
    scale=alt.Scale(type="symlog", constant=0.3, zero=True),
    axis={"values": [-30, -10, -3, -1, -0.3, 0, 0.3, 1, 3, 10, 30]},
    series=("holds", "does not hold", "no difference that matters", "inconclusive"),
)  # fmt: skip
"""Effects behind claims, by verdict."""
DIFFERENCES = Look(
    {"row": "Networks", "series": "Images", "value": "Mean", **FROM_TO_95, "n": "Values"}
)
"""Mean differences."""
RATIOS = Look(
    {"row": "Network", "series": "Compared with", "value": "Median", "low": "Lowest", "high": "Highest"},
    ".2f", 1, alt.Scale(type="log", nice=False),
)  # fmt: skip
"""Ratios of speeds: the median, and a line from the lowest to the highest round."""


def chart(records: Sequence[Record], quantity: str, look: Look) -> alt.LayerChart:
    """A point and its interval for each record: `row`, `series`, `value`, `low`, `high` (or None)."""
    names = list(look.series) or series_of(records)
    lines = 1 if look.series else len(names)
    first, last = NAME_HEIGHT + MARK_HEIGHT / 2, NAME_HEIGHT + MARK_HEIGHT * (lines - 0.5)
    line_of_series = alt.YOffset("series:N").scale(domain=names, range=[first, last])
    legend = legend_choice()
    faded = highlighted(legend, 0.9)
    rows_axis = alt.Y("row:N", sort=None, axis=None).scale(type="band", padding=0)
    base = alt.Chart(data(records)).encode(
        y=rows_axis, yOffset=line_of_series, color=colour_of(names)
    )
    low, value = (alt.X(f"{end}:Q", title=quantity, scale=look.scale) for end in ("low", "value"))
    interval = base.mark_rule(strokeWidth=2 if lines > 1 else 3).encode(
        x=low, x2="high:Q", opacity=faded
    )
    shape = alt.Shape("series:N", legend=alt.Legend(title=None, columns=1))
    points = base.mark_point(filled=True, size=70 if lines > 1 else 120).encode(
        x=value.axis(**look.axis),
        opacity=faded,
        shape=shape.scale(domain=names, range=list(look.shapes[: len(names)])),
        tooltip=tooltips(
            look.number, **{one: text or quantity for one, text in look.texts.items()}
        ),
    )
    rows, height = list(dict.fromkeys(record["row"] for record in records)), last + MARK_HEIGHT / 2
    titles = alt.Chart(data([{"row": row} for row in rows])).encode(
        y=rows_axis, x=alt.value(0), text="row:N"
    )
    middle = NAME_HEIGHT / 2 - height / 2
    titles = titles.mark_text(
        align="left", baseline="middle", dy=middle, limit=alt.ExprRef("width")
    )
    rule = alt.Chart(data([{"value": look.no_difference}])).encode(x="value:Q")
    layers = [
        titles,
        *[rule.mark_rule(strokeDash=[3, 3], opacity=0.7)] * (look.no_difference is not None),
        *[interval] * has_spread(records),
        points.add_params(legend),
    ]
    return of_row(alt.LayerChart(layer=layers), None, height * len(rows))
