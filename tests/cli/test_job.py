import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.cli.job import ending_line, features_line, log_line
from fmnist_jax.config.model import Variables
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs.config import Stage
from fmnist_jax.runs.train import TrainedStage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord
from fmnist_jax.training.step import put_on_device

STAGE = Stage("mlp", MLPConfig(), TrainingConfig(), Z_SCORE)
RECORD = EpochRecord(130, 0.30261, 0.89, 0.32874, 0.8811, 0.001, 0)


def test_the_log_line_is_report_1s():
    assert log_line(RECORD, TrainingConfig()) == (
        "Epoch 130/200 | Train Loss: 0.3026 | Train Acc: 0.8900 | Val Loss: 0.3287 | "
        "Val Acc: 0.8811 | Patience: 0/5"
    )
    assert log_line(RECORD, TrainingConfig(patience=None)).endswith("Val Acc: 0.8811")
    without = RECORD._replace(validation_loss=None, validation_accuracy=None)
    assert log_line(without, TrainingConfig(patience=None)).endswith("| Train Acc: 0.8900")


def trained(training: TrainingConfig, best_epoch: int, patiences: list[int]) -> TrainedStage:
    history = tuple(
        RECORD._replace(epoch=epoch, patience=patience)
        for epoch, patience in enumerate(patiences, start=1)
    )
    stage = evolve(STAGE, training=training)
    fitted = FittedStage("mlp", stage.model, stage.scaling, Variables((), {}), {})
    return TrainedStage(stage, fitted, {}, history, best_epoch, 1.0)


@pytest.mark.parametrize(
    ("training", "line"),
    [
        (TrainingConfig(patience=2), "Early stopping at epoch 4 (best epoch: 2)"),
        (TrainingConfig(patience=2, keep="last"), "Early stopping at epoch 4 (kept)"),
        (
            TrainingConfig(epochs=4, patience=None, keep="last"),
            "Stopped after epoch 4, the last one (kept)",
        ),
        (
            TrainingConfig(epochs=4, patience=None),
            "Stopped after epoch 4, the last one (best epoch: 2)",
        ),
        (
            TrainingConfig(epochs=4, patience=3),
            "Stopped after epoch 4, the last one (best epoch: 2)",
        ),
    ],
)
def test_the_last_line_is_report_1s(training: TrainingConfig, line: str):
    assert ending_line(trained(training, 2, [0, 0, 1, 2])) == line


def test_the_features_line_has_every_shape():
    counts = {"train": 48, "validation": 12, "test": 10}
    splits = {
        name: put_on_device(np.zeros((count, 12)), np.zeros(count, int), 10)
        for name, count in counts.items()
    }
    assert features_line(splits) == "Features: train (48, 12), validation (12, 12), test (10, 12)"
