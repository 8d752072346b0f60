"""Every claim of the four reports, and what this project's runs say of it.

`all_claims(results)` judges them from what is stored; `python -m experiments claims` prints that. Rows of
the tables are taken wherever they give the comparison; the `*_claims*` experiments add what is missing.
At 95 % one comparison in twenty is told wrong by chance where there is nothing to be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from experiments.analysis.claims import CLAIMS
from experiments.analysis.effects import Claim, Effect, Stored
from experiments.engine.runner import RESULTS, Store
from experiments.engine.tables import markdown
from experiments.study.catalogue import CATALOGUE


@dataclass(frozen=True)
class Judged:
    """A claim with what was measured."""

    claim: Claim
    effects: tuple[Effect, ...]
    """One a part, in order."""
    verdict: str
    """"does not hold" if a part doesn't, "not run" if one isn't run, "holds" if all do, else "can't be told
    with n seeds", n of the part that has fewest."""


def judge(claim: Claim, stored: Stored) -> Judged:
    """The claim in the light of the rows stored."""
    effects = tuple(part.effect(stored) for part in claim.parts)
    verdicts = [effect.verdict for effect in effects]
    for verdict in ("does not hold", "not run"):
        if verdict in verdicts:
            return Judged(claim, effects, verdict)
    untold = [effect for effect in effects if effect.verdict != "holds"]
    verdict = min(untold, key=lambda effect: effect.n).verdict if untold else "holds"
    return Judged(claim, effects, verdict)


def all_claims(results: Path = RESULTS) -> tuple[Judged, ...]:
    """Every claim of `CLAIMS`, judged by the results in that folder."""
    stored = {entry.name: Store(entry.experiment, results, "").read() for entry in CATALOGUE}
    return tuple(judge(claim, stored) for claim in CLAIMS)


def table(claims: Sequence[Judged]) -> str:
    """A line a claim, its verdict, then a line a comparison, as Markdown."""
    lines = Table(
        "report", "claim or comparison", "effect [95 %]", "n", "test", "p", "exact p", "verdict"
    )
    for judged in claims:
        claim = judged.claim
        lines.add_row(str(claim.report), f"**{claim.statement}** ({claim.conditions})",
                      "", "", "", "", "", f"**{judged.verdict}**")  # fmt: skip
        for effect in judged.effects:
            ps = ("" if p is None else f"{p:.2g}" for p in (effect.p, effect.exact_p))
            lines.add_row(
                "", effect.name, effect.shown(), str(effect.n), effect.test, *ps, effect.verdict
            )
    return markdown(lines)
