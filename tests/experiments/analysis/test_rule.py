from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.analysis.intervals import Interval
from experiments.analysis.rule import (
    ORDER,
    RULE,
    corrected,
    decide_greater,
    decide_no_less,
    holm,
    weakest,
)


@pytest.mark.parametrize(
    ("low", "high", "greater", "no_less"),
    [
        (0.2, 0.5, "holds", "holds"),
        (0.01, 0.12, "holds", "holds"),
        (0.01, 0.05, "no difference that matters", "holds"),  # sure, and too small to matter
        (-0.05, 0.05, "no difference that matters", "holds"),
        (-0.05, -0.01, "no difference that matters", "holds"),
        (-0.3, 0.05, "does not hold", "inconclusive"),
        (-0.3, -0.01, "does not hold", "does not hold"),
        (-0.5, -0.2, "does not hold", "does not hold"),
        (-0.05, 0.3, "inconclusive", "holds"),
        (-0.3, 0.3, "inconclusive", "inconclusive"),
        (0.0, 0.3, "inconclusive", "holds"),  # 0 itself is no effect
        (-0.05, 0.1, "inconclusive", "holds"),  # the smallest difference that matters does matter
        (-0.1, 0.05, "does not hold", "inconclusive"),
    ],
)
def test_every_verdict_of_an_interval(low: float, high: float, greater: str, no_less: str):
    assert decide_greater(Interval(low, high), 0.1) == greater
    assert decide_no_less(Interval(low, high), 0.1) == no_less


FINITE = st.floats(-10, 10)


@given(FINITE, FINITE, st.floats(0.01, 1))
def test_a_claim_and_its_opposite_never_both_hold(one: float, other: float, matters: float):
    interval = Interval(min(one, other), max(one, other))
    opposite = Interval(-interval.high, -interval.low)
    verdicts = [decide_greater(interval, matters), decide_greater(opposite, matters)]
    assert verdicts.count("holds") <= 1
    if "holds" in verdicts:
        assert set(verdicts) <= {"holds", "does not hold", "inconclusive"}
    # Equivalence is the same from both sides.
    assert len({verdict == "no difference that matters" for verdict in verdicts}) == 1


def test_a_claim_is_as_strong_as_its_weakest_comparison():
    for weaker, stronger in pairwise(ORDER):
        assert weakest([stronger, weaker, "holds"]) == weaker
    assert weakest(["holds"]) == "holds"


def test_only_a_claim_that_holds_needs_a_significant_p():
    assert corrected("holds", 0.049) == "holds"
    assert corrected("holds", 0.05) == "inconclusive"
    assert corrected("holds", None) == "inconclusive"
    for verdict in ORDER[:-1]:
        assert corrected(verdict, 1.0) == verdict


def test_holms_correction_on_a_worked_example():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; the last is raised to 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_holm_keeps_false_positives_below_the_level():
    rng = np.random.default_rng(0)
    ps = np.asarray(stats.ttest_1samp(rng.normal(size=(1000, 10, 5)), 0, axis=2)[1])
    any_false = [min(holm(row.tolist())) < 0.05 for row in ps]
    assert np.mean(any_false) < 0.06
    assert np.mean((ps < 0.05).any(1)) > 0.3


def test_the_rule_in_words_names_every_verdict():
    text = " ".join(RULE).lower()
    assert all(verdict in text for verdict in ORDER)
