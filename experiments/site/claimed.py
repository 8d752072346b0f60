"""The claims' verdicts as the page tells them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.analysis.effects import POINTS, Effect
from experiments.analysis.judgement import Judged
from experiments.site import rows
from experiments.site.charts import Record
from experiments.site.parts import Chart

HOLDS, FAILS, UNTOLD = "holds", "does not hold", "can't be told"
SYMBOLS = {HOLDS: "✓", FAILS: "✗", UNTOLD: "?", "not run": "…"}
KINDS = {HOLDS: "holds", FAILS: "fails", UNTOLD: "none", "not run": "none"}


@dataclass(frozen=True)
class Verdict:
    """A verdict with how it looks."""

    words: str

    @property
    def short(self) -> str:
        """Without the number of seeds."""
        return UNTOLD if self.words.startswith(UNTOLD) else self.words

    @property
    def symbol(self) -> str:
        """So that it isn't told by colour alone."""
        return SYMBOLS[self.short]

    @property
    def kind(self) -> str:
        """The style's class."""
        return KINDS[self.short]


@dataclass(frozen=True)
class Tested:
    """A comparison."""

    name: str
    effect: str
    runs: str
    test: str
    p: str
    exact_p: str
    verdict: Verdict


@dataclass(frozen=True)
class Told:
    """A claim with its comparisons."""

    statement: str
    conditions: str
    verdict: Verdict
    tests: tuple[Tested, ...]


@dataclass(frozen=True)
class Report:
    """The claims of one report."""

    number: int
    claims: tuple[Told, ...]
    charts: tuple[Chart, ...]


def reports(judged: Sequence[Judged]) -> Iterator[Report]:
    """All claims, by report."""
    for number in sorted({one.claim.report for one in judged}):
        its = [one for one in judged if one.claim.report == number]
        yield Report(number, tuple(map(told, its)), tuple(_chart(number, its)))


def told(judged: Judged) -> Told:
    """A claim as its table shows it."""
    return Told(
        judged.claim.statement,
        judged.claim.conditions,
        Verdict(judged.verdict),
        tuple(map(_tested, judged.effects)),
    )


def _tested(effect: Effect) -> Tested:
    p, exact_p = ("" if p is None else f"{p:.2g}" for p in (effect.p, effect.exact_p))
    return Tested(
        effect.name,
        effect.shown(),
        str(effect.n),
        effect.test,
        p,
        exact_p,
        Verdict(effect.verdict),
    )


def _chart(number: int, judged: Sequence[Judged]) -> Iterator[Chart]:
    """The effects in points of accuracy, which most are."""
    records: list[Record] = [
        {
            # Comparisons of two claims may be called the same.
            "row": f"{one.claim.statement}: {effect.name}",
            "series": Verdict(effect.verdict).short,
            "value": effect.mean,
            "low": effect.interval and effect.interval.low,
            "high": effect.interval and effect.interval.high,
            "runs": effect.n,
        }
        for one in judged
        for effect in one.effects
        if effect.unit == POINTS and effect.mean is not None
    ]
    if records:
        yield Chart(
            f"claims-{number}",
            f"Effects behind report {number}'s claims",
            "Dot plot: each comparison's effect in percentage points with its 95 % interval; the figures "
            "stand in the table below.",
            "Mean over paired seeds with its 95 % interval; of one seed there is none. Right of 0 speaks "
            "for the claim; away from 0 the scale is logarithmic.",
            rows.effects(records, "percentage points", (HOLDS, FAILS, UNTOLD)),
            wide=True,
        )
