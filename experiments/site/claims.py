"""Claims and their verdicts as the page shows them."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.analysis.judgement import Judgement
from experiments.analysis.quantities import POINTS
from experiments.site import rows
from experiments.site.charts import Chart, Record


class Report(NamedTuple):
    """The claims of one report."""

    number: int
    claims: list[Judgement]
    charts: list[Chart]


def reports(judgements: Sequence[Judgement]) -> list[Report]:
    """All claims, by report."""
    by_report: dict[int, list[Judgement]] = {}
    for one in judgements:
        by_report.setdefault(one.claim.report, []).append(one)
    return [Report(number, its, _charts(number, its)) for number, its in sorted(by_report.items())]


def _charts(number: int, judgements: Sequence[Judgement]) -> list[Chart]:
    """The effects in points of accuracy, which most are; none where nothing is run."""
    records: list[Record] = [
        {
            # Comparisons of two claims may have the same name.
            "row": f"{one.claim.statement}: {effect.name}",
            "series": effect.verdict,
            "value": effect.estimate.mean,
            "low": effect.interval and effect.interval.low,
            "high": effect.interval and effect.interval.high,
            "n": effect.n,
        }
        for one in judgements
        for effect in one.effects
        if effect.unit == POINTS and effect.estimate
    ]
    if not records:
        return []
    chart = Chart(
        f"claims-{number}",
        f"Effects behind report {number}'s claims",
        "Dot plot: the effect of each comparison in percentage points with its 90 % interval. The table "
        "below has the figures.",
        "Mean effect with its 90 % interval. One seed alone has no interval. Effects right of 0 support "
        "the claim; the scale is logarithmic away from 0.",
        rows.chart(records, "percentage points", rows.EFFECTS),
        wide=True,
    )
    return [chart]
