"""Claims and their verdicts as the page shows them."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from experiments.analysis.comparisons import Effect
from experiments.analysis.judgement import Judgement, p_text, seeds_text
from experiments.analysis.quantities import POINTS
from experiments.analysis.rule import Verdict
from experiments.site import rows
from experiments.site.charts import Record
from experiments.site.parts import Chart

SYMBOLS: dict[Verdict, str] = {
    "holds": "✓",
    "does not hold": "✗",
    "no difference that matters": "=",
    "inconclusive": "?",
    "not run": "…",
}
"""Verdicts must not differ by colour alone."""
STYLES: dict[Verdict, str] = {"holds": "holds", "does not hold": "fails"}
"""The style sheet's classes; the other verdicts have "none"."""


@frozen
class VerdictCell:
    """A verdict as a cell shows it."""

    words: Verdict
    detail: str = ""
    """What stands below it."""

    @property
    def symbol(self) -> str:
        """The sign before the words."""
        return SYMBOLS[self.words]

    @property
    def style(self) -> str:
        """The style sheet's class."""
        return STYLES.get(self.words, "none")


@frozen
class ComparisonRow:
    """A comparison as its table shows it."""

    name: str
    effect: str
    n: str
    test: str
    p: str
    verdict: VerdictCell


@frozen
class ClaimRow:
    """A claim with its comparisons."""

    statement: str
    conditions: str
    p: str
    corrected_p: str
    verdict: VerdictCell
    comparisons: tuple[ComparisonRow, ...]


@frozen
class Report:
    """The claims of one report."""

    number: int
    claims: tuple[ClaimRow, ...]
    charts: tuple[Chart, ...]


def reports(judgements: Sequence[Judgement]) -> tuple[Report, ...]:
    """All claims, by report."""
    by_report: dict[int, list[Judgement]] = {}
    for one in judgements:
        by_report.setdefault(one.claim.report, []).append(one)
    return tuple(
        Report(number, tuple(map(claim_row, its)), tuple(_chart(number, its)))
        for number, its in sorted(by_report.items())
    )


def claim_row(judgement: Judgement) -> ClaimRow:
    """A claim as its table shows it."""
    return ClaimRow(
        judgement.claim.statement,
        judgement.claim.conditions,
        p_text(judgement.p),
        p_text(judgement.corrected_p),
        VerdictCell(judgement.verdict, seeds_text(judgement)),
        tuple(map(_comparison_row, judgement.effects)),
    )


def _comparison_row(effect: Effect) -> ComparisonRow:
    return ComparisonRow(
        effect.name,
        effect.shown(),
        effect.n,
        effect.test,
        p_text(effect.p),
        VerdictCell(effect.verdict),
    )


def _chart(number: int, judgements: Sequence[Judgement]) -> Iterator[Chart]:
    """The effects in points of accuracy, which most are."""
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
    if records:
        yield Chart(
            f"claims-{number}",
            f"Effects behind report {number}'s claims",
            "Dot plot: the effect of each comparison in percentage points with its 90 % interval. The "
            "table below has the figures.",
            "Mean effect with its 90 % interval. One seed alone has no interval. Effects right of 0 "
            "support the claim; the scale is logarithmic away from 0.",
            rows.effects(
                records, "percentage points", [one for one in SYMBOLS if one != "not run"]
            ),
            wide=True,
        )
