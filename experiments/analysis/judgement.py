"""Judges every claim of the four reports from the stored runs, by the rule in `rule`."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from rich.table import Table

from experiments.analysis.claims import CLAIMS
from experiments.analysis.comparisons import Claim, Effect, Stored
from experiments.analysis.rule import RULE, SIGNIFICANCE, Verdict, corrected, holm, weakest
from experiments.engine.store import RESULTS, Store
from experiments.engine.tables import markdown
from experiments.study.catalogue import experiments

MOST_SEEDS = 1000
"""Where the search for the number of seeds that settles a claim ends."""


@frozen
class Judgement:
    """A claim with its effects and its verdict."""

    claim: Claim
    effects: tuple[Effect, ...]
    """One for each comparison, in order."""
    corrected_p: float | None = None
    """Holm's, among the tested claims of the report."""
    tested: int = 0
    """How many claims of the report are tested."""

    @property
    def p(self) -> float | None:
        """The largest of the comparisons' p values; None where a comparison has no test."""
        ps = [effect.p for effect in self.effects if effect.p is not None]
        return max(ps) if len(ps) == len(self.effects) else None

    @property
    def verdict(self) -> Verdict:
        """As the rule has it."""
        return corrected(weakest([effect.verdict for effect in self.effects]), self.corrected_p)

    @property
    def seeds_needed(self) -> int | None:
        """Seeds in each row that would settle an inconclusive claim, if means and spreads stay as they are.

        None where one seed leaves the spread unknown, or where more than `MOST_SEEDS` would be needed.
        """
        if self.verdict != "inconclusive" or self.p is None:
            return None
        return next((n for n in range(2, MOST_SEEDS + 1) if self._settled_by(n)), None)

    def _settled_by(self, n: int) -> bool:
        effects = tuple(
            evolve(effect, estimate=effect.estimate and effect.estimate.with_size(n))
            for effect in self.effects
        )
        later = evolve(self, effects=effects)
        # The most that Holm's correction multiplies p by.
        later = evolve(later, corrected_p=self.tested * (later.p or 0.0))
        return later.verdict != "inconclusive"


def judge(claims: Iterable[Claim], stored: Stored) -> tuple[Judgement, ...]:
    """The claims with their verdicts; p values are corrected within each report."""
    found = [
        Judgement(claim, tuple(comparison.effect(stored) for comparison in claim.comparisons))
        for claim in claims
    ]
    families: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(found):
        if one.p is not None:
            families[one.claim.report].append(index)
    for indices in families.values():
        ps = holm([found[index].p or 0.0 for index in indices])
        for index, p in zip(indices, ps, strict=True):
            found[index] = evolve(found[index], corrected_p=p, tested=len(indices))
    return tuple(found)


def all_claims(results: Path = RESULTS) -> tuple[Judgement, ...]:
    """Every claim of `CLAIMS`, judged from the results in that folder."""
    stored = {one.name: Store(one, results, "").read() for one in experiments()}
    return judge(CLAIMS, stored)


def seeds_text(judgement: Judgement) -> str:
    """How many seeds would settle an inconclusive claim, in words; empty for the others."""
    if judgement.verdict != "inconclusive":
        return ""
    if judgement.p is None:
        return "seeds needed: unknown, a row with one seed has no spread"
    needed = judgement.seeds_needed
    holds = all(effect.verdict == "holds" for effect in judgement.effects)
    seeds = f"more than {MOST_SEEDS}" if needed is None else f"about {needed}"
    return "not significant after the correction; " * holds + f"seeds needed: {seeds}"


def tests_text(judgements: Sequence[Judgement]) -> str:
    """How many comparisons were tested, and the false positives to expect without a correction."""
    tested = sum(effect.p is not None for one in judgements for effect in one.effects)
    return (
        f"Comparisons tested: {tested}. Expected number of false positives without a correction, if there "
        f"were no effects: {tested * SIGNIFICANCE:.1f}."
    )


def claims_text(results: Path = RESULTS) -> str:
    """All claims as a Markdown table, then the rule."""
    judgements = all_claims(results)
    return "\n\n".join((table(judgements), tests_text(judgements), *RULE))


def claims_json(results: Path = RESULTS) -> str:
    """All claims as a JSON array, in the order of the reports."""
    return json.dumps([as_json(*one) for one in enumerate(all_claims(results), 1)], indent=1)


def as_json(number: int, judgement: Judgement) -> dict[str, Any]:
    """A claim with its verdict, and its comparisons with effect, interval, p and n, as JSON has it."""
    of_claim = {one: getattr(judgement.claim, one) for one in ("report", "statement", "conditions")}
    judged = {
        one: getattr(judgement, one) for one in ("verdict", "p", "corrected_p", "seeds_needed")
    }
    return {
        "number": number,
        **of_claim,
        **judged,
        "comparisons": [
            {
                "name": effect.name,
                "unit": effect.unit,
                "effect": effect.estimate and effect.estimate.mean,
                "interval": effect.interval,
                "smallest_difference_that_matters": effect.matters,
                "test": effect.test,
                "p": effect.p,
                "n": effect.estimate.sizes if effect.estimate else (),
                "verdict": effect.verdict,
            }
            for effect in judgement.effects
        ],
    }


def p_text(p: float | None) -> str:
    """A p value as texts write it; empty for None."""
    return "" if p is None else f"{p:.2g}"


def table(judgements: Sequence[Judgement]) -> str:
    """A line for each claim, then a line for each of its comparisons, as Markdown."""
    lines = Table(
        "report", "claim or comparison", "effect [90 %]", "n", "test", "p", "corrected p", "verdict"
    )
    for one in judgements:
        title = f"**{one.claim.statement}** ({one.claim.conditions})"
        ps = (p_text(one.p), p_text(one.corrected_p))
        verdict = "; ".join(filter(None, (f"**{one.verdict}**", seeds_text(one))))
        lines.add_row(str(one.claim.report), title, "", "", "", *ps, verdict)
        for effect in one.effects:
            lines.add_row(
                "", effect.name, effect.shown(), effect.n, effect.test, p_text(effect.p), "",
                effect.verdict,
            )  # fmt: skip
    return markdown(lines)
