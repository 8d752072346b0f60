import numpy as np
import pytest
from scipy import stats

from experiments.analysis.intervals import Estimate, estimate, interval, p_value

A, B = [88.1, 88.5, 88.2, 88.9, 88.4], [87.9, 88.1, 88.0, 88.3, 88.3]


@pytest.mark.parametrize("null", [0.0, -0.3, 0.2])
def test_paired_differences_have_scipys_interval_and_p(null: float):
    found = estimate([a - b for a, b in zip(A, B, strict=True)])
    expected = stats.ttest_rel(A, np.add(B, null), alternative="greater")
    assert found.mean == pytest.approx(np.mean(A) - np.mean(B))
    assert interval(found) == pytest.approx(tuple(stats.ttest_rel(A, B).confidence_interval(0.95)))
    assert p_value(found, null) == pytest.approx(expected[1])


@pytest.mark.parametrize("less", [B, B[:2]])
def test_independent_samples_have_welchs_interval_and_p(less: list[float]):
    found = estimate(A, less)
    expected = stats.ttest_ind(A, less, equal_var=False)
    greater = stats.ttest_ind(A, less, equal_var=False, alternative="greater")
    for confidence in (0.95, 0.9):
        assert interval(found, confidence) == pytest.approx(
            tuple(expected.confidence_interval(confidence))
        )
    assert interval(found) == interval(found, 0.95)
    assert p_value(found, 0.0) == pytest.approx(greater[1])


@pytest.mark.parametrize("found", [estimate([1.0]), estimate([1.0, 1.0]), estimate(A, [1.0])])
def test_without_a_spread_there_is_no_interval_and_no_test(found: Estimate):
    assert interval(found) is None
    assert p_value(found, 0.0) is None


def test_one_of_two_samples_may_have_no_spread():
    assert interval(estimate(A, [88.0, 88.0])) is not None


def test_more_runs_of_the_same_spread_make_the_interval_narrower():
    found = estimate(A, B[:3])
    later = found.with_size(4)
    assert later.sizes == (5, 4)  # never fewer than there are
    before, after = interval(found), interval(later)
    assert before is not None
    assert after is not None
    assert before.low < after.low < found.mean < after.high < before.high
    assert found.with_size(2) == found
