"""What the reports print next to their tables, judged."""

import numpy as np
import pytest

from experiments.analysis import logs
from experiments.analysis.logs import Progress, logged_progress, measured_progress
from experiments.reports.report3.class_sample import class_samples, smallest_sample
from experiments.reports.report3.loss_log import PRINTED, REPORTED_LOSSES, in_reports_scale
from experiments.reports.report4.matrices import MATRICES
from experiments.reports.reported import LOGS

HISTORY = {
    "epoch": list(range(1, 21)),
    "train_loss": [1 - 0.01 * epoch for epoch in range(1, 21)],
    "validation_loss": [0.5 - 0.005 * min(epoch, 12) for epoch in range(1, 21)],
}


def test_a_log_begins_with_its_best_epoch():
    found = logged_progress(LOGS["report_1_mlp"][1]["log"])
    assert found[:3] == (110, 0.2688, 0.3382)
    assert found.fall == pytest.approx((0.2688 - 0.265) / 4)


@pytest.mark.parametrize(("min_delta", "best"), [(0.0, 12), (0.004, 12), (0.006, 11)])
def test_a_history_is_stopped_again_with_another_least_improvement(min_delta: float, best: int):
    found = measured_progress(HISTORY, min_delta, 0.87)
    assert found.best_epoch == best
    assert found.train_loss == pytest.approx(1 - 0.01 * best)
    assert found.fall == pytest.approx(0.01)


def test_the_fall_is_known_only_where_the_run_reached_the_logs_loss():
    assert measured_progress(HISTORY, 0.0, 0.5).fall is None
    assert measured_progress(HISTORY, 0.0, 0.95).fall is None


def test_progress_is_the_mean_of_the_runs():
    runs = {
        seed: {"stages": {"mlp": {"history": HISTORY | {"train_loss": [rate] * 20}}}}
        for seed, rate in enumerate((0.2, 0.4))
    }
    found = logs.mean_progress(runs, 0.0, 0.1)
    assert found == pytest.approx(Progress(12, 0.3, 0.44, None))
    assert logs.mean_progress({}, 0.0, 0.1) is None


@pytest.mark.parametrize(
    ("percentage", "images"), [(100, 1), (50, 2), (66, 3), (67, 3), (98, 40), (97, 29)]
)
def test_a_printed_percentage_needs_so_many_images(percentage: int, images: int):
    assert smallest_sample(percentage) == images


def test_report_3s_classes_are_of_a_part_that_shrinks_with_the_batch_size():
    found = class_samples()
    assert [one.batch_size for one in found] == [32, 64, 100, 256]
    assert [one.mean for one in found] == [87.8, 87.0, 90.8, 87.4]
    assert [one.needed for one in found] == [40, 40, 29, 19]
    assert [one.images for one in found] == [1252, 628, 400, 160]
    for one in found:
        assert abs(one.difference) < 2 * one.standard_error


def test_report_3s_losses_are_above_the_floor_of_a_second_softmax_in_means_only():
    floor = -np.log(np.exp(1) / (np.exp(1) + 9))
    assert max(PRINTED) < floor < min(REPORTED_LOSSES)
    assert [in_reports_scale(loss, 600) for loss in REPORTED_LOSSES] == pytest.approx(PRINTED)
    assert in_reports_scale(1.5, 938) == 1.5


def test_report_4s_matrices_of_the_mlp_add_up_to_its_text_and_the_combined_ones_do_not():
    found = {(one.network, one.split): one for one in MATRICES}
    for one in MATRICES:
        assert one.confusion.sum() == {"train": 48_000, "validation": 12_000}[one.split]
    for split in ("train", "validation"):
        mlp = found["mlp", split]
        assert (round(mlp.accuracy, 2), round(mlp.f1, 2)) == (mlp.text_accuracy, mlp.text_f1)
    assert round(found["combined", "train"].accuracy, 2) == 93.05
    assert found["combined", "train"].text_accuracy == 97.82
    assert round(found["combined", "validation"].accuracy, 2) == 90.58
    assert found["combined", "validation"].text_accuracy == 90.47


def test_report_4s_splits_together_are_all_training_images():
    for network in ("mlp", "combined"):
        both = sum(one.confusion.sum(axis=1) for one in MATRICES if one.network == network)
        assert np.asarray(both).tolist() == [6000] * 10


@pytest.mark.parametrize("name", logs.TABLES)
def test_tables_are_markdown(name: str):
    first, second, *lines = logs.TABLES[name]().splitlines()
    assert first.count("|") == second.count("|") >= 5
    assert len(lines) >= 4
