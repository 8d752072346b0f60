import jax.numpy as jnp
from fmnist_jax.models.base import scratch_mlp
from fmnist_jax.runs.pipeline import Features
from fmnist_jax.runs.run import Trained

from fmnist_jax.cli.job import ending_line, features_line, log_line
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord
from fmnist_jax.training.step import DeviceSplit

RECORD = EpochRecord(130, 0.30261, 0.89, 0.32874, 0.8811, 0.001, 0)


def test_the_log_line_is_report_1s():
    assert log_line(RECORD, TrainingConfig()) == (
        "Epoch 130/200 | Train Loss: 0.3026 | Train Acc: 0.8900 | Val Loss: 0.3287 | "
        "Val Acc: 0.8811 | Patience: 0/5"
    )
    assert log_line(RECORD, TrainingConfig(patience=None)).endswith("Val Acc: 0.8811")


def trained(best_epoch: int, patiences: list[int]) -> Trained:
    history = tuple(
        RECORD._replace(epoch=epoch, patience=patience)
        for epoch, patience in enumerate(patiences, start=1)
    )
    return Trained(scratch_mlp(MLPConfig()), (), Z_SCORE, {}, history, best_epoch, 1.0)


def test_the_last_line_is_report_1s():
    stopped = trained(2, [0, 0, 1, 2])
    assert ending_line(stopped, TrainingConfig(patience=2)) == (
        "Early stopping at epoch 4 (best epoch: 2)"
    )
    assert ending_line(stopped, TrainingConfig(epochs=4, patience=None)) == (
        "Stopped after epoch 4, the last one (best epoch: 2)"
    )


def test_the_features_line_has_every_shape():
    features = Features(*(DeviceSplit(jnp.zeros((n, 12)), jnp.zeros(n)) for n in (48, 12, 10)))
    assert features_line(features) == "Features: train (48, 12), validation (12, 12), test (10, 12)"
