import numpy as np
import pytest
from fmnist_jax.runs.run import MLPRun

from experiments.analysis.statistics import column_statistics, row_statistics
from experiments.engine.runner import Row
from experiments.site import curves
from experiments.site.rows import BESIDE
from fmnist_jax.data.dataset import CLASS_NAMES


def runs_of(make_run, *seeds: int, prefixes=("",)):
    return {str(seed): make_run(seed, prefixes) for seed in seeds}


def test_a_curve_is_of_the_runs_that_reached_the_epoch(make_run):
    points = list(curves.by_epoch(runs_of(make_run, 0, 2), "train_loss"))
    assert [point["epoch"] for point in points] == [1, 2, 3, 4, 5]
    assert [point["runs"] for point in points] == [2, 2, 2, 1, 1]
    first, last = points[0], points[-1]
    assert (first["low"], first["mean"], first["high"]) == pytest.approx((1.0, 1.1, 1.2))
    assert last["mean"] == pytest.approx(1 / 5 + 0.2)
    assert last["low"] is last["high"] is None


def test_accuracies_are_shown_in_percent(make_run):
    runs = runs_of(make_run, 0, prefixes=("cnn_",))
    (first, *_) = curves.by_epoch(runs, "validation_accuracy", "cnn_")
    assert first["mean"] == pytest.approx(50.0)


def test_a_pipeline_has_two_histories(make_run):
    assert curves.parts_of(runs_of(make_run, 0)) == [""]
    assert curves.parts_of(runs_of(make_run, 0, prefixes=("cnn_", "mlp_"))) == ["cnn_", "mlp_"]
    assert curves.parts_of({}) == []


def test_reported_stands_beside_mean_interval_and_every_run(make_run):
    stored = {"runs": runs_of(make_run, 0, 1)}
    row = row_statistics(Row("a row", MLPRun(), {"test_accuracy": 90}), ("test_accuracy",), stored)
    mean, *each, reported = curves.beside([row], "test_accuracy")
    assert [one["series"] for one in (mean, *each, reported)] == [BESIDE[i] for i in (0, 1, 1, 2)]
    assert mean["value"] == 88.5
    assert mean["low"] < 88 < 89 < mean["high"]
    assert [one["value"] for one in each] == [88, 89]
    assert (reported["value"], reported["low"]) == (90, None)


def test_what_is_not_run_is_no_line_of_a_chart_and_one_run_has_no_interval(make_run):
    reported = Row("a row", MLPRun(), {"test_accuracy": 90})
    assert curves.beside([row_statistics(reported, ("test_accuracy",), {})], "test_accuracy") == []
    stored = {"runs": runs_of(make_run, 0)}
    mean, _ = curves.beside([row_statistics(reported, ("test_accuracy",), stored)], "test_accuracy")
    assert (mean["low"], mean["high"]) == (None, None)


def test_class_accuracies_leave_out_what_is_not_there():
    figures = {
        BESIDE[2]: [column_statistics([], 83), column_statistics([], None)],
        "measured": [column_statistics([80, 82]), column_statistics([])],
    }
    records = curves.class_accuracies(figures, CLASS_NAMES[:2], 4)
    told = [(one["class"], one["series"], one["value"], one["low"]) for one in records]
    assert told == [(CLASS_NAMES[0], BESIDE[2], 83, None), (CLASS_NAMES[0], "measured", 81, 80)]
    assert {one["row"] for one in records} == {4}


def test_confusion_adds_up_all_runs(make_run):
    split, records = curves.confusion(runs_of(make_run, 0, 1), row=3)
    assert split == "test"
    cells = {(one["c"], one["p"]): one["images"] for one in records}
    assert (len(cells), cells[3, 3], cells[3, 0]) == (100, 20, 2)
    assert {one["row"] for one in records} == {3}


def test_confusion_of_choices_is_the_validation_splits(make_run):
    runs = runs_of(make_run, 0)
    del runs["0"]["test_confusion"]
    runs["0"]["validation_confusion"] = np.zeros((10, 10), int).tolist()
    split, records = curves.confusion(runs)
    assert split == "validation"
    assert {one["images"] for one in records} == {0}
