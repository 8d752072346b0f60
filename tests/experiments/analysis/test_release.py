"""Differences between re-splits and the official files, from made runs."""

from statistics import fmean
from typing import Any

import pytest

from experiments.analysis import release
from experiments.analysis.release import CONVNETS, MLP


def stage(test: float, validation: float, of_test_file: float = 0.0) -> dict[str, Any]:
    """A stage's figures; the images of the test file differ from the others by `of_test_file` points."""
    figures: dict[str, Any] = {"test_accuracy": test, "validation_accuracy": validation}
    for split, count in (("test", 1000), ("validation", 3000)):
        figures[f"{split}_images_of_test_file"] = count
        figures[f"{split}_images_of_training_file"] = 2 * count
        figures[f"{split}_accuracy_of_test_file"] = 90 + of_test_file + (split == "test")
        figures[f"{split}_accuracy_of_training_file"] = 90 + (split == "test")
    return figures


def stored(**rows: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"configuration": {}, "runs": {0: {"stages": stages}}, "failed": {}}
        for name, stages in rows.items()
    }


MADE = stored(
    **{
        "784,128,10, re-split 0": {"mlp": stage(89.0, 89.1, -1.0)},
        "784,128,10, re-split 1": {"mlp": stage(89.4, 89.1, -0.5)},
        "784,128,10, split seed 0": {"mlp": stage(88.0, 89.0)},
        "784,128,10, split seed 1": {"mlp": stage(88.2, 89.0)},
        "max/random, re-split 0": {"convnet": stage(91.0, 91.0, -2.0), "mlp": stage(92.0, 91.9)},
        "max/random, split seed 3": {"convnet": stage(90.0, 91.0), "mlp": stage(91.0, 92.0)},
    }
)
NETWORKS = release.networks_of(MADE)


def test_runs_are_found_by_network_and_split():
    assert list(NETWORKS.resplits["784,128,10"]) == [0, 1]
    assert list(NETWORKS.official["max/random"]) == [3]
    assert NETWORKS.resplits["max/he"] == {}


def test_gaps_are_test_less_validation_over_splits():
    resplits = release.differences(release.gap, NETWORKS.resplits)
    mlp = resplits["784,128,10"]
    assert mlp is not None
    assert (mlp.mean, mlp.sizes) == (pytest.approx(0.1), (2,))
    assert resplits["max/he, own head"] is None
    # Figures of one split only are left out of the mean.
    assert resplits[release.ALL] == mlp


def test_the_mean_takes_the_splits_that_all_figures_have():
    mlp = {split: {"stages": {"mlp": stage(89.0 + split, 89.0)}} for split in (0, 1, 2)}
    pipeline = {
        split: {"stages": {"convnet": stage(91.0, 92.0), "mlp": stage(91.0, 91.0)}}
        for split in (1, 2)
    }
    networks = {"784,128,10": mlp, "max/random": pipeline, "max/he": {}}
    every = release.differences(release.gap, networks)[release.ALL]
    assert every is not None
    assert every.mean == pytest.approx(fmean([fmean([1, -1, 0]), fmean([2, -1, 0])]))
    assert every.sizes == (2,)


def test_shifts_compare_re_splits_with_official_files():
    shifts = release.differences(release.test_accuracy, *NETWORKS)
    mlp = shifts["784,128,10"]
    assert mlp is not None
    assert (mlp.mean, mlp.sizes) == (pytest.approx(1.1), (2, 2))
    every = shifts[release.ALL]
    assert every is not None
    assert (every.mean, every.sizes) == (mlp.mean, mlp.sizes)


def test_held_back_images_are_weighted_by_their_number():
    found = release.values(NETWORKS.resplits, release.by_file, release.FIGURES[0])
    assert found == {0: pytest.approx(-1.0), 1: pytest.approx(-0.5)}
    uneven = stage(0, 0, -1.0) | {"test_accuracy_of_test_file": 95.0}
    difference = release.by_file({"stages": {"mlp": uneven}}, "mlp")
    assert difference == pytest.approx((1000 * 95 + 3000 * 89) / 4000 - 90.25)


def test_shares_are_shifts_over_official_gaps():
    """The MLP's test accuracy rises by 1.1 points, its official gap is 0.9; convnets have one split."""
    ((kind, share),) = release.shares(NETWORKS).items()
    assert kind == MLP
    assert share.mean == pytest.approx(1.1 / 0.9)
    assert share.error == pytest.approx(((0.2**2 + 0.1**2) ** 0.5) / 0.9)
    level = {split: {"stages": {"mlp": stage(89.0, 89.1)}} for split in (0, 1)}
    networks = {network: {} for network in NETWORKS.official} | {"784,128,10": level}
    assert release.shares(NETWORKS._replace(official=networks)) == {}


def test_the_table_has_every_figure_and_says_what_was_not_run():
    lines = release.table(NETWORKS).splitlines()
    assert len(lines) == 2 + len(release.FIGURES) + 1
    assert "| 784,128,10 " in lines[2]
    assert "+0.10, " in lines[2]
    assert "(n = 2)" in lines[2]
    assert lines[-2].count("not run") == 4


def test_the_charts_records_have_report_1_beside_both_splits():
    records = list(release.chart_records(NETWORKS))
    assert [(one["row"], one["n"]) for one in records] == [
        (MLP, "8"), (MLP, "2"), (MLP, "2"), (CONVNETS, "12"), (CONVNETS, "1"), (CONVNETS, "1"),
    ]  # fmt: skip
    assert records[4]["low"] is None


def test_report_1s_logs_have_no_harder_test_images():
    gaps = release.reported_gaps()
    assert fmean(gaps[MLP]) == pytest.approx(-0.04, abs=0.005)
    assert fmean(gaps[CONVNETS]) == pytest.approx(0.45, abs=0.005)
