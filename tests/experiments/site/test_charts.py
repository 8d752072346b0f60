import re
from itertools import pairwise

import pytest
import vl_convert

from experiments.site import charts, rows
from experiments.site.theme import THEMES, Theme


def luminance(code: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    levels = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_colour_has_contrast_with_its_background(theme: Theme):
    assert contrast(theme.ink, theme.ground) > 7
    for colour in theme.series:
        assert contrast(colour, theme.ground) > 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_heat_goes_from_the_background_to_its_opposite(theme: Theme):
    steps = [contrast(colour, theme.ground) for colour in theme.heat]
    assert all(lower < higher for lower, higher in pairwise(steps))
    # Figures on the lightest and the darkest cell, as `charts.confusion` writes them.
    assert contrast(theme.heat[0], theme.ink) > 4.5
    assert contrast(theme.heat[2], theme.ground) > 4.5


def test_records_become_csv_of_few_digits():
    made = charts.data([{"row": "a,b", "x": 1.23456789, "n": 2}, {"row": "c", "x": None, "n": 3}])
    assert made.values == 'row,x,n\n"a,b",1.235,2\nc,,3\n'
    assert made.format.parse == {"x": "number", "n": "number"}


def names(drawn: str, *words: str) -> bool:
    return all(word in drawn for word in words)


POINTS = [
    {"row": row, "series": series, "value": value, "low": low, "high": high, "n": "2"}
    for row in ("first row", "second row")
    for series, value, low, high in (
        (rows.MEASURED, 2.0, 1.0, 3.0),
        (rows.REPORTED, 4.0, None, None),
    )
]
EFFECTS = [
    point | {"series": verdict}
    for point, verdict in zip(POINTS, ["holds", "inconclusive"] * 2, strict=True)
]


def svg(chart) -> str:
    return vl_convert.vegalite_to_svg(chart.properties(width=400).to_dict())


def test_rows_are_named_above_their_marks():
    drawn = svg(rows.chart(POINTS, "Test accuracy, %", rows.FIGURES))
    assert names(drawn, "first row", "second row", "Test accuracy, %", "reported")
    drawn = svg(rows.chart(EFFECTS, "points", rows.EFFECTS))
    assert names(drawn, "first row", "second row", "points")
    drawn = svg(rows.chart(POINTS, "points of difference", rows.DIFFERENCES))
    assert names(drawn, "first row", "points of difference", rows.MEASURED)
    drawn = svg(rows.chart(POINTS, "times as fast", rows.RATIOS))
    assert names(drawn, "first row", "second row", "times as fast")


def test_a_chart_without_any_interval_is_drawn_too():
    for points, look in ((POINTS, rows.FIGURES), (EFFECTS, rows.EFFECTS)):
        single = [point | {"low": None, "high": None} for point in points]
        assert names(svg(rows.chart(single, "x", look)), "first row", "second row")


def test_one_row_of_several_is_shown():
    points = [
        {"row": row, "series": "training", "epoch": epoch, "mean": 10.0 * row + epoch, "low": 10.0 * row,
         "high": 10.0 * row + 4, "runs": 2}
        for row in (0, 1) for epoch in (1, 2, 3)
    ]  # fmt: skip
    first, second = (svg(charts.curves(points, "Loss", chosen=row)) for row in (0, 1))
    assert names(first, "Loss", "training", "Epoch")
    assert names(second, ">13")
    assert not names(first, ">13")


def test_a_confusion_matrix_is_in_percent_and_leaves_zeros_blank():
    cells = [
        {"row": 0, "c": c, "p": p, "images": images}
        for c, p, images in ((0, 0, 299), (0, 1, 1), (1, 0, 23), (1, 1, 77))
    ]
    drawn = svg(charts.confusion(cells, ("Bag", "Coat"), chosen=0))
    assert names(drawn, ">100<", ">23<", ">77<", "Predicted", "Correct")
    assert re.search(r'opacity="0"[^>]*>0<', drawn)
    nothing = [cell | {"images": 0} for cell in cells]
    assert not names(svg(charts.confusion(nothing, ("Bag", "Coat"), chosen=0)), "NaN")


def test_class_bars_are_drawn_without_any_spread():
    bars = [
        {"row": 0, "class": "Bag", "series": "reported", "value": 70, "low": None, "high": None}
    ]
    assert names(svg(charts.class_bars(bars, chosen=0)), "Bag", "reported")
