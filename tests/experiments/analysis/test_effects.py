from operator import itemgetter

import numpy as np
import pytest
from scipy import stats

from experiments.analysis.effects import (  # fmt: skip
    POINTS,
    Comparison,
    Figure,
    Proportion,
    Quantity,
    different_runs,
    sign_flip_p,
)

TEST = Quantity("test accuracy", POINTS, itemgetter("test_accuracy"))


def stored(**rows: list[float]) -> dict:
    """An experiment whose rows have these accuracies, by seed from 0."""
    return {
        "made": {
            name: {
                "runs": {str(seed): {"test_accuracy": value} for seed, value in enumerate(values)}
            }
            for name, values in rows.items()
        }
    }


def over(*pairs: tuple[str, str], beyond: float = 0.0, fails_below: float = 0.1) -> Comparison:
    made = tuple((Figure("made", more, TEST), Figure("made", less, TEST)) for more, less in pairs)
    return Comparison("a over b", made, beyond, fails_below)


def test_the_effect_is_a_paired_t_test_of_scipy():
    a, b = [88.1, 88.5, 88.2, 88.9, 88.4], [87.9, 88.1, 88.0, 88.3, 88.3]
    effect = over(("a", "b")).effect(stored(a=a, b=b))
    paired = stats.ttest_rel(a, b)
    low, high = paired.confidence_interval(0.95)
    assert effect.p == pytest.approx(paired.pvalue)
    assert effect.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert effect.interval is not None
    assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high))
    assert effect.exact_p == pytest.approx(2 / 32)  # all five signs alike
    assert effect.verdict == "holds"
    assert effect.shown() == "+0.30 points [+0.05, +0.55]"


def test_seeds_that_a_row_lacks_are_left_out_by_their_numbers():
    rows = stored(a=[1.0, 2.0, 5.0], b=[0.0, 1.5, 4.0])
    del rows["made"]["b"]["runs"]["1"]
    effect = over(("a", "b")).effect(rows)
    assert (effect.n, effect.mean) == (2, 1.0)


def test_the_effect_of_a_seed_is_the_mean_over_its_pairs():
    rows = stored(a=[90.0, 91.0], b=[89.0, 89.0], c=[80.0, 80.0], d=[81.0, 79.0])
    effect = over(("a", "b"), ("c", "d")).effect(rows)
    assert effect.mean == pytest.approx(((1 - 1) / 2 + (2 + 1) / 2) / 2)
    assert effect.n == 2


@pytest.mark.parametrize(
    ("a", "verdict"),
    [
        ([1.0, 1.1, 1.2], "holds"),
        ([-1.0, -1.1, -1.2], "does not hold"),
        ([0.01, -0.01, 0.02], "does not hold"),  # no more than a tenth of a point, if any
        ([0.01, 0.012, 0.011], "holds"),  # small and sure
        ([1.0, -1.0, 2.0], "can't be told with 3 seeds"),
        ([1.0], "can't be told with 1 seed"),
        ([1.0, 1.0], "can't be told with 2 seeds"),
        ([], "not run"),
    ],
)
def test_every_verdict(a: list[float], verdict: str):
    effect = over(("a", "b")).effect(stored(a=a, b=[0.0] * len(a)))
    assert effect.verdict == verdict
    assert (effect.interval is None) == (effect.p is None)


def test_no_worse_allows_for_its_margin():
    def verdict(*a: float) -> str:
        comparison = over(("a", "b"), beyond=-0.5, fails_below=-0.5)
        return comparison.effect(stored(a=list(a), b=[0.0] * len(a))).verdict

    assert verdict(-0.1, -0.2, -0.15) == "holds"
    assert verdict(-0.8, -0.9, -1.0) == "does not hold"
    assert verdict(-0.3, -0.5, -0.7) == "can't be told with 3 seeds"


def test_one_seed_has_no_interval_and_no_test():
    effect = over(("a", "b")).effect(stored(a=[3.0], b=[1.0]))
    assert (effect.mean, effect.interval, effect.p, effect.exact_p) == (2.0, None, None, None)
    assert effect.shown() == "+2.00 points"


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_sign_flip_test_counts_all_signs(n: int):
    assert sign_flip_p([1.0] * n) == pytest.approx(2 / 2**n)
    assert sign_flip_p([1.0, -1.0] * n) == pytest.approx(1)


def histories(*last: float) -> dict:
    """Rows of one run each whose loss ends so."""
    return {
        "made": {
            f"row {number}": {"runs": {"0": {"history": {"validation_loss": [1.0, loss]}}}}
            for number, loss in enumerate(last)
        }
    }


@pytest.mark.parametrize(
    ("last", "verdict"),
    [([0.5 + n / 100 for n in range(10)], "holds"), ([2 + n / 100 for n in range(10)], "does not hold"),
     ([0.5, 2.0], "can't be told with 2 runs"), ([], "not run")],
)  # fmt: skip
def test_a_proportion_is_held_against_one_half(last: list[float], verdict: str):
    falls = Proportion("falls", lambda run: run["history"]["validation_loss"][-1] < 1)
    effect = falls.effect(histories(*last))
    assert effect.verdict == verdict
    if last:
        right = sum(loss < 1 for loss in last)
        exact = stats.binomtest(right, len(last))
        assert effect.p == pytest.approx(exact.pvalue)
        assert effect.mean == 100 * right / len(last)


def test_a_run_that_two_experiments_share_counts_once_and_a_pipelines_networks_twice():
    rows = histories(0.5)
    both = {"cnn_history": {"validation_loss": [1.0]}, "mlp_history": {"validation_loss": [2.0]}}
    shared = {"other": rows["made"], "third": {"row": {"runs": {"0": both}}}}
    assert len(list(different_runs(rows | shared))) == 3
