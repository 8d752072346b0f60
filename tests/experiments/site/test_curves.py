import numpy as np
import pytest

from experiments.analysis.statistics import column_statistics, row_statistics
from experiments.engine.spec import Row
from experiments.site import curves
from experiments.site.rows import MEASURED, ONE_RUN, REPORTED
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

MLP = Run((Stage("mlp", MLPConfig(), TrainingConfig(), Z_SCORE),))


def runs_of(make_run, *seeds: int, stages=("mlp",)):
    return {seed: make_run(seed, stages) for seed in seeds}


def test_a_curve_is_of_the_runs_that_reached_the_epoch(make_run):
    points = list(curves.by_epoch(runs_of(make_run, 0, 2), "train_loss"))
    assert [point["epoch"] for point in points] == [1, 2, 3, 4, 5]
    assert [point["runs"] for point in points] == [2, 2, 2, 1, 1]
    first, last = points[0], points[-1]
    assert (first["low"], first["mean"], first["high"]) == pytest.approx((1.0, 1.1, 1.2))
    assert last["mean"] == pytest.approx(1 / 5 + 0.2)
    assert last["low"] is last["high"] is None


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [(3, [1, 2, 3]), (50, list(range(1, 51))), (51, list(range(1, 52, 2))), (0, [])],
)
def test_of_a_long_curve_some_epochs_are_shown(epochs: int, shown: list[int]):
    losses = {"epoch": list(range(1, epochs + 1)), "train_loss": [0.5] * epochs}
    runs = {0: {"stages": {"mlp": {"history": losses}}}}
    points = curves.curve(runs, "train_loss", "training")
    assert [point["epoch"] for point in points] == shown


def test_a_run_without_a_validation_split_has_no_validation_curve(make_run):
    runs = runs_of(make_run, 0, 1)
    del runs[1]["stages"]["mlp"]["history"]["validation_loss"]
    assert [point["runs"] for point in curves.by_epoch(runs, "validation_loss")] == [1, 1, 1]
    assert curves.epochs(runs, "mlp") == 4


def test_accuracies_are_shown_in_percent(make_run):
    runs = runs_of(make_run, 0, stages=("convnet", "mlp"))
    (first, *_) = curves.by_epoch(runs, "convnet.validation_accuracy")
    assert first["mean"] == pytest.approx(50.0)


def test_a_pipeline_has_two_histories(make_run):
    assert curves.stages_of(runs_of(make_run, 0)) == ["mlp"]
    runs = runs_of(make_run, 0, stages=("convnet", "mlp"))
    assert curves.stages_of(runs) == ["convnet", "mlp"]
    assert curves.stages_of({}) == []


def test_a_row_has_its_mean_with_interval_every_run_and_the_reported_figure(make_run):
    stored = {"runs": runs_of(make_run, 0, 1)}
    row = row_statistics(Row("a row", MLP, {"test_accuracy": 90}), ("test_accuracy",), stored)
    mean, *each, reported = curves.measured_and_reported([row], "test_accuracy")
    assert [one["series"] for one in (mean, *each, reported)] == [
        MEASURED,
        ONE_RUN,
        ONE_RUN,
        REPORTED,
    ]
    assert mean["value"] == 88.5
    assert mean["low"] < 88 < 89 < mean["high"]
    assert [one["value"] for one in each] == [88, 89]
    assert (reported["value"], reported["low"]) == (90, None)


def test_a_row_without_runs_has_no_line_and_one_run_has_no_interval(make_run):
    reported = Row("a row", MLP, {"test_accuracy": 90})
    assert (
        curves.measured_and_reported(
            [row_statistics(reported, ("test_accuracy",), {})], "test_accuracy"
        )
        == []
    )
    stored = {"runs": runs_of(make_run, 0)}
    mean, _ = curves.measured_and_reported(
        [row_statistics(reported, ("test_accuracy",), stored)], "test_accuracy"
    )
    assert (mean["low"], mean["high"]) == (None, None)


def test_class_accuracies_skip_missing_figures():
    figures = {
        REPORTED: [column_statistics([], 83), column_statistics([], None)],
        "measured": [column_statistics([80, 82]), column_statistics([])],
    }
    records = curves.class_accuracies(figures, CLASS_NAMES[:2], 4)
    found = [(one["class"], one["series"], one["value"], one["low"]) for one in records]
    assert found == [(CLASS_NAMES[0], REPORTED, 83, None), (CLASS_NAMES[0], "measured", 81, 80)]
    assert {one["row"] for one in records} == {4}


def test_confusion_adds_up_all_runs(make_run):
    split, records = curves.confusion(runs_of(make_run, 0, 1), "mlp", row=3)
    assert split == "test"
    cells = {(one["c"], one["p"]): one["images"] for one in records}
    assert (len(cells), cells[3, 3], cells[3, 0]) == (100, 20, 2)
    assert {one["row"] for one in records} == {3}


def test_confusion_of_a_selection_is_the_validation_splits(make_run):
    runs = runs_of(make_run, 0)
    figures = runs[0]["stages"]["mlp"]
    del figures["test_confusion"]
    figures["validation_confusion"] = np.zeros((10, 10), int).tolist()
    split, records = curves.confusion(runs, "mlp")
    assert split == "validation"
    assert {one["images"] for one in records} == {0}
