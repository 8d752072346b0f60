import numpy as np
import pytest
from scipy import stats

from experiments.analysis.comparisons import (
    Comparison,
    Share,
    across,
    greater,
    no_less,
    pair,
    trainings,
    within,
)
from experiments.analysis.quantities import CONVNET_TEST, MLP_TEST, TEST, epochs_differ
from tests.experiments.small_experiment import accuracies


def over(*pairs: tuple[str, str], paired: bool = True) -> Comparison:
    made = (pair(TEST, "made", more, less) for more, less in pairs)
    return greater("a over b", *made, paired=paired)


A, B = [88.1, 88.5, 88.2, 88.9, 88.4], [87.9, 88.1, 88.0, 88.3, 88.3]


def test_the_effect_of_paired_rows_is_a_paired_t_test():
    effect = over(("a", "b")).effect(accuracies(a=A, b=B))
    expected = stats.ttest_rel(A, B)
    assert effect.p == pytest.approx(stats.ttest_rel(A, B, alternative="greater")[1])
    assert effect.estimate is not None
    assert effect.estimate.mean == pytest.approx(np.mean(A) - np.mean(B))
    assert effect.interval == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert (effect.n, effect.test, effect.verdict) == ("5", "paired t", "holds")
    assert effect.shown() == "+0.30 points [+0.11, +0.49]"


def test_the_effect_of_unpaired_rows_is_welchs_t_test_over_all_seeds():
    effect = over(("a", "b"), paired=False).effect(accuracies(a=A, b=B[:3]))
    expected = stats.ttest_ind(A, B[:3], equal_var=False)
    one_sided = stats.ttest_ind(A, B[:3], equal_var=False, alternative="greater")
    assert effect.p == pytest.approx(one_sided[1])
    assert effect.interval == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert (effect.n, effect.test) == ("5 and 3", "Welch t")


def test_a_pair_counts_where_both_rows_have_the_seed():
    rows = accuracies(a=[1.0, 2.0, 5.0], b=[0.0, 1.5, 4.0])
    del rows["made"]["b"]["runs"][1]
    effect = over(("a", "b")).effect(rows)
    assert effect.estimate is not None
    assert (effect.n, effect.estimate.mean) == ("2", 1.0)


@pytest.mark.parametrize("paired", [True, False])
def test_the_effect_of_a_seed_is_the_mean_over_its_pairs(paired: bool):
    rows = accuracies(a=[90.0, 91.0], b=[89.0, 89.0], c=[80.0, 80.0], d=[81.0, 79.0])
    effect = over(("a", "b"), ("c", "d"), paired=paired).effect(rows)
    assert effect.estimate is not None
    assert effect.estimate.mean == pytest.approx(((1 - 1) / 2 + (2 + 1) / 2) / 2)
    assert set(effect.estimate.sizes) == {2}


@pytest.mark.parametrize(
    ("a", "verdict"),
    [
        ([1.0, 1.1, 1.2], "holds"),
        ([-1.0, -1.1, -1.2], "does not hold"),
        ([0.01, -0.01, 0.02], "no difference that matters"),
        ([0.01, 0.012, 0.011], "no difference that matters"),  # small and sure
        ([1.0, -1.0, 2.0], "inconclusive"),
        ([1.0], "inconclusive"),
        ([1.0, 1.0], "inconclusive"),
        ([], "not run"),
    ],
)
def test_every_verdict(a: list[float], verdict: str):
    effect = over(("a", "b")).effect(accuracies(a=a, b=[0.0] * len(a)))
    assert effect.verdict == verdict
    assert (effect.interval is None) == (effect.p is None)


@pytest.mark.parametrize(
    ("true_effect", "wrong"),
    [(0.0, {"holds"}), (0.1, {"does not hold", "no difference that matters"})],
)
def test_a_wrong_verdict_has_a_probability_of_at_most_5_percent(true_effect: float, wrong: set):
    """At both ends of the effects that are too small to matter, where the probability is largest."""
    rng = np.random.default_rng(0)
    verdicts = [
        over(("a", "b")).effect(accuracies(a=list(values), b=[0.0] * 5)).verdict
        for values in true_effect + rng.normal(scale=0.1, size=(1000, 5))
    ]
    assert 0.03 < np.mean([verdict in wrong for verdict in verdicts]) < 0.065


def test_no_worse_allows_for_its_margin():
    def verdict(*a: float) -> str:
        comparison = no_less("a against b", 0.5, pair(TEST, "made", "a", "b"))
        return comparison.effect(accuracies(a=list(a), b=[0.0] * len(a))).verdict

    assert verdict(-0.1, -0.2, -0.15) == "holds"
    assert verdict(-0.8, -0.9, -1.0) == "does not hold"
    assert verdict(-0.1, -0.5, -0.9) == "inconclusive"


def test_one_seed_has_no_interval_and_no_test():
    effect = over(("a", "b")).effect(accuracies(a=[3.0], b=[1.0]))
    assert effect.estimate is not None
    assert (effect.estimate.mean, effect.interval, effect.p) == (2.0, None, None)
    assert (effect.shown(), effect.test) == ("+2.00 points", "none: one seed")
    equal = over(("a", "b")).effect(accuracies(a=[3.0, 3.0], b=[1.0, 1.0]))
    assert equal.test == "none: all seeds are equal"


def test_an_effect_in_the_opposite_direction_has_a_p_above_one_half():
    better, worse = (
        over(("a", "b")).effect(accuracies(a=A, b=B)),
        over(("a", "b")).effect(accuracies(a=B, b=A)),
    )
    assert better.p is not None
    assert worse.p == pytest.approx(1 - better.p)
    assert better.p < 0.05
    assert over(("a", "b")).effect(accuracies(a=[3.0], b=[4.0])).p is None


def test_pairs_are_of_two_rows_or_within_one():
    assert within(("made", "a"), MLP_TEST, CONVNET_TEST) == (
        across(MLP_TEST, ("made", "a"), ("made", "b"))[0],
        across(CONVNET_TEST, ("made", "b"), ("made", "a"))[1],
    )


def history(differ: bool) -> dict:
    return {
        "history": {
            "validation_loss": [2.0, 1.0],
            "validation_accuracy": [0.9, 0.8] if differ else [0.8, 0.9],
        }
    }


def histories(*rows: list[bool]) -> dict:
    """A row for each configuration; for each of its seeds, whether the two epochs differ."""
    return {
        "made": {
            f"row {number}": {
                "configuration": {"stages": [{"name": "mlp", "number": number}]},
                "runs": {
                    seed: {"stages": {"mlp": history(differ)}} for seed, differ in enumerate(seeds)
                },
            }
            for number, seeds in enumerate(rows)
        }
    }


DIFFER = Share("epochs differ", epochs_differ)


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([[True], [True], [True], [True, True, False]], "holds"),
        ([[False], [False], [False], [False, True, False]], "does not hold"),
        ([[True], [False]], "inconclusive"),
        ([[True, False]] * 5, "inconclusive"),  # all equal: no spread
        ([], "not run"),
    ],
)
def test_a_share_is_compared_with_one_half(rows: list[list[bool]], verdict: str):
    effect = DIFFER.effect(histories(*rows))
    assert effect.verdict == verdict
    if rows:
        assert effect.estimate is not None
        # A configuration counts once, however many seeds it has.
        assert effect.estimate.mean == pytest.approx(
            100 * np.mean([np.mean(row) for row in rows]) - 50
        )
        assert effect.n == str(len(rows))


def test_trainings_without_epochs_to_compare_do_not_count():
    rows = histories([True], [True], [True])
    first, second = (rows["made"][f"row {number}"]["runs"][0]["stages"]["mlp"] for number in (0, 1))
    first["history"] = {"epoch": [1, 2], "train_loss": [2.0, 1.0]}  # no validation split
    second["history"] = {"validation_loss": [1.0], "validation_accuracy": [0.8]}
    assert DIFFER.effect(rows).n == "1"


def test_a_training_that_two_experiments_share_counts_once_and_each_stage_of_a_pipeline():
    rows = histories([True])
    convnet = {"name": "convnet"}
    both = {
        f"mlp {width}": {
            "configuration": {"stages": [convnet, {"name": "mlp", "width": width}]},
            "runs": {0: {"stages": {"convnet": history(True), "mlp": history(False)}}},
        }
        for width in (1, 2)
    }
    found = list(trainings(rows | {"other": rows["made"], "third": both}))
    # The row of both experiments; the convnet that both pipelines share; and their two MLPs.
    assert len({configuration for configuration, _, _ in found}) == 4
    assert DIFFER.effect(rows | {"other": rows["made"], "third": both}).n == "4"
