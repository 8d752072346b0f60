"""The rule for claims: an effect's interval against the smallest difference that matters."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from experiments.analysis.intervals import Interval

Verdict = Literal["does not hold", "not run", "inconclusive", "no difference that matters", "holds"]

ORDER: tuple[Verdict, ...] = (
    "does not hold", "not run", "inconclusive", "no difference that matters", "holds",
)  # fmt: skip
"""A claim has the first of these verdicts that any of its comparisons has."""

SIGNIFICANCE = 0.05
"""A claim holds only if its corrected p is below this."""

CONFIDENCE = 1 - 2 * SIGNIFICANCE
"""Of the intervals: the true effect is below, or above, with a probability of `SIGNIFICANCE` each."""

RULE = (
    "An effect is what the claim says is more, minus what it says is less: a mean with its 90 % interval. "
    "It is compared with the smallest difference that matters: 0.1 points of accuracy, 0.01 of loss, "
    "1 epoch, 5 % of runs.",
    "Holds: the whole interval is above 0, and it reaches a difference that matters.",
    "No difference that matters: the whole interval is closer to 0, on either side, than the smallest "
    "difference that matters (equivalence).",
    "Does not hold: the interval excludes a difference that matters in the claimed direction, but includes "
    "one in the opposite direction.",
    "Inconclusive: the interval includes both 0 and a difference that matters, or there is only one run.",
    "A claim of 'no worse' is the opposite of the claim that the other is better; its margin is the "
    "smallest difference that matters. It does not hold where the opposite holds, and holds where the "
    "interval excludes a loss as large as the margin.",
    "A claim has a direction, so its test is one-sided, and each end of a 90 % interval is wrong with a "
    "probability of 5 %. Where the true effect is 0 or less, a comparison holds with a probability of at "
    "most 5 %. Where it is a difference that matters, 'does not hold' and 'no difference that matters' "
    "together have a probability of at most 5 % (three-sided testing: Goeman, Solari and Stijnen 2010; for "
    "equivalence these are two one-sided tests: Schuirmann 1987).",
    "A claim has the verdict of its weakest comparison, in this order: does not hold, not run, "
    "inconclusive, no difference that matters, holds. Its p is the largest p of its comparisons.",
    "Holm's correction covers all tested claims of a report. A claim whose comparisons all hold is "
    "inconclusive if its corrected p is 0.05 or more. The other verdicts are not corrected.",
    "Intervals cover the choice of the training seed only: all runs share one split of the data and one "
    "set of test images.",
)  # fmt: skip
"""The rule in words, a paragraph each, as the page and `python -m experiments claims` show it."""


class Assertion(NamedTuple):
    """What a comparison asserts of its effect."""

    null: float
    """The hypothesis that must be rejected, in multiples of the smallest difference that matters."""
    decide: Callable[[Interval, float], Verdict]
    """Verdict from the interval and the smallest difference that matters."""


def decide_greater(interval: Interval, matters: float) -> Verdict:
    """Verdict on "more than": exactly one of four for every interval."""
    if interval.high < matters:  # a difference that matters is excluded
        return "no difference that matters" if interval.low > -matters else "does not hold"
    return "holds" if interval.low > 0 else "inconclusive"


def decide_no_less(interval: Interval, matters: float) -> Verdict:
    """Verdict on "no less than": the opposite of `decide_greater` for the other side."""
    other = decide_greater(Interval(-interval.high, -interval.low), matters)
    opposite: dict[Verdict, Verdict] = {"holds": "does not hold", "inconclusive": "inconclusive"}
    return opposite.get(other, "holds")


GREATER = Assertion(0, decide_greater)
NO_LESS = Assertion(-1, decide_no_less)


def weakest(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a claim from those of its comparisons."""
    return min(verdicts, key=ORDER.index)


def corrected(verdict: Verdict, p: float | None) -> Verdict:
    """A claim's verdict in view of its corrected p."""
    if verdict == "holds" and (p is None or p >= SIGNIFICANCE):
        return "inconclusive"
    return verdict


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979): the largest p_(j) (m - j + 1), j <= k, at most 1."""
    corrected, largest = dict.fromkeys(range(len(ps)), 0.0), 0.0
    for rank, index in enumerate(sorted(corrected, key=ps.__getitem__)):
        corrected[index] = largest = max(largest, min(1.0, ps[index] * (len(ps) - rank)))
    return list(corrected.values())
