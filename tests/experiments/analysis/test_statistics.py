import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.analysis.intervals import Interval
from experiments.analysis.statistics import (  # fmt: skip
    CONVNET_TOLERANCE,
    MLP_TOLERANCE,
    ExperimentStatistics,
    column_statistics,
    direction,
    row_statistics,
    table,
    tolerance_of,
)
from experiments.engine.spec import Experiment, Row
from fmnist_jax.data.scaling import SYMMETRIC, Z_SCORE
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets import lenet
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

MLP = Run((Stage("mlp", MLPConfig(), TrainingConfig(), Z_SCORE),))
LENET = Run((Stage("convnet", lenet.MODEL, lenet.TRAINING, SYMMETRIC),))
ROW = Row("row", MLP, {"test_accuracy": 88.0, "best_epoch": 10})


def test_mean_deviation_and_intervals_are_those_of_the_textbook():
    figure = column_statistics([87.0, 88.0, 90.0])
    assert figure.mean == pytest.approx(265 / 3)
    assert figure.deviation == pytest.approx(math.sqrt(7 / 3))
    # t(0.975, 2) = 4.302653 from any table.
    assert figure.interval
    assert figure.prediction
    assert figure.mean
    reach = 4.302653 * math.sqrt(7 / 3) / math.sqrt(3)
    assert figure.interval.high - figure.interval.low == pytest.approx(2 * reach, rel=1e-6)
    ratio = (figure.prediction.high - figure.mean) / (figure.interval.high - figure.mean)
    assert ratio == pytest.approx(math.sqrt(1 + 1 / 3) / math.sqrt(1 / 3))


def test_the_interval_is_scipys():
    values = np.random.default_rng(0).normal(90, 0.3, 5).tolist()
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    interval = column_statistics(values).interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_the_prediction_interval_holds_a_further_run_in_95_of_100():
    rng = np.random.default_rng(1)
    caught = [
        (column_statistics(draws[:-1]).prediction or Interval(0, 0)).contains(draws[-1])
        for draws in rng.normal(90, 0.3, (2000, 4)).tolist()
    ]
    assert np.mean(caught) == pytest.approx(0.95, abs=0.015)


def test_one_run_has_no_interval_and_none_has_nothing():
    one = column_statistics([88.0], 88.2, 0.3)
    assert (one.n, one.mean, one.deviation, one.interval, one.prediction) == (
        1,
        88,
        None,
        None,
        None,
    )
    assert one.verdict == "reproduced"
    none = column_statistics([], 88.2, 0.3)
    assert (none.mean, none.difference, none.verdict) == (None, None, "not run")


@pytest.mark.parametrize(
    ("values", "reported", "tolerance", "better", "verdict"),
    [
        ([88.0, 88.1, 88.2], 88.35, 0.3, "higher", "reproduced"),  # within the tolerance
        ([87.0, 88.0, 89.0], 89.1, 0.3, "higher", "reproduced"),  # a further run may well be there
        ([88.0, 88.1, 88.2], 89.0, 0.3, "higher", "worse"),
        ([88.0, 88.1, 88.2], 87.0, 0.3, "higher", "better"),
        # So scattered that a further run could be anywhere, and yet no run has come near.
        ([81.0, 81.5, 88.3], 95.0, 0.5, "higher", "worse"),
        ([81.0, 81.5, 88.3], 88.7, 0.5, "higher", "reproduced"),
        ([81.0, 88.3], 70.0, 0.5, "higher", "better"),
        ([0.30, 0.31, 0.32], 0.40, 0.0, "lower", "better"),
        ([0.30, 0.31, 0.32], 0.20, 0.0, "lower", "worse"),
        ([0.30, 0.31, 0.32], 0.315, 0.0, "lower", "reproduced"),
        ([0.30], 0.31, 0.0, "lower", "one seed"),
        ([90.0], 90.5, 0.5, "higher", "reproduced"),  # the tolerance itself is in it
        ([91.29], 91.79, 0.5, "higher", "reproduced"),  # in spite of rounding
        ([90.0], 90.6, 0.5, "higher", "worse"),
        ([90.0], 89.4, 0.5, "higher", "better"),
        ([88.0, 88.0], 88.0, 0.0, "higher", "reproduced"),
        ([10.0, 12.0], 11.0, 0.0, None, "not judged"),
        ([10.0, 12.0], None, 0.0, "higher", "not reported"),
    ],
)
def test_every_verdict(values, reported, tolerance, better, verdict):
    figure = column_statistics(values, reported, tolerance, better)
    assert figure.verdict == verdict
    assert bool(figure.reason) == (verdict not in ("not judged", "not reported"))


@pytest.mark.parametrize(
    ("column", "better"),
    [("test_accuracy", "higher"), ("mlp.validation_f1", "higher"), ("test_class_4", "higher"),
     ("convnet.test_loss", "lower"), ("best_validation_loss", "lower"), ("best_epoch", None),
     ("mlp.stopped_epoch", None), ("train_accuracy", None), ("best_train_loss", None)],
)  # fmt: skip
def test_which_way_is_better(column, better):
    assert direction(column) == better


def test_tolerances_are_of_networks_and_classes():
    network = Row("network", LENET)
    assert tolerance_of(ROW, "test_accuracy") == MLP_TOLERANCE
    assert tolerance_of(network, "test_accuracy") == CONVNET_TOLERANCE
    assert tolerance_of(network, "test_class_3") == CONVNET_TOLERANCE + 0.5
    assert tolerance_of(network, "test_loss") == tolerance_of(network, "best_epoch") == 0


def run(accuracy: float, **more: float) -> dict[str, Any]:
    figures = {"test_accuracy": accuracy, "best_epoch": 12, **more}
    return {"stages": {"mlp": figures}, "seconds": 5.0}


def test_a_row_has_its_columns_what_was_reported_and_what_failed():
    stored = {"runs": {0: run(88.0), 2: run(88.2)}, "failed": {1: "the loss is nan"}}
    row = row_statistics(ROW, ("test_accuracy",), stored)
    assert row.failed == {1: "the loss is nan"}
    assert row.columns["test_accuracy"].values == (88.0, 88.2)
    assert row.columns["best_epoch"].verdict == "not judged"
    found = row.columns["test_accuracy"]
    assert found.verdict == "reproduced"
    assert found.reason.startswith("the mean of 2 seeds is 0.10 above the reported figure")
    untouched = row_statistics(ROW, ("test_accuracy",), {}).columns["test_accuracy"]
    assert untouched.verdict == "not run"
    plain = row_statistics(Row("row", MLP), ("test_accuracy",), stored)
    assert plain.columns["test_accuracy"].verdict == "not reported"


def test_the_table_has_a_line_a_reported_figure():
    stored = {"runs": {0: run(88.0), 1: run(88.4)}}
    made = Experiment("made", "Made", (ROW,), ("test_accuracy",))
    row = row_statistics(ROW, made.columns, stored)
    lines = table(ExperimentStatistics("made", "Made", (row,))).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2] == [
        "row", "test accuracy", "88", "88.20", "0.28", "85.66 to 90.74", "+0.20", "", "", "2",
        "reproduced",
    ]  # fmt: skip
    assert cells[3][1] == "best epoch"
    assert len(cells) == 4
