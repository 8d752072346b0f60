from dataclasses import replace

import numpy as np
import pytest

from experiments.engine.measure import measure, seed_of, with_trainings
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.runs.parts import trainings
from fmnist_jax.runs.pipeline import PipelineRun
from fmnist_jax.runs.run import CNNRun, MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

TRAINING = TrainingConfig(epochs=2, batch_size=20, patience=None)
NETWORK = FiveConv(filters=(2, 2, 2, 2, 3), kernels=(1,), hidden=4)
PIPELINE = PipelineRun.of(
    NETWORK, network_training=TRAINING, mlp_training=replace(TRAINING, epochs=3)
)


def test_a_pipelines_figures_are_of_both_its_networks(small_dataset: Dataset):
    measured = measure(PIPELINE, small_dataset, ("validation", "test"))
    assert (measured["cnn_stopped_epoch"], measured["mlp_stopped_epoch"]) == (2, 3)
    assert len(measured["mlp_history"]["train_loss"]) == 3
    for part in ("cnn", "mlp"):
        assert np.sum(measured[f"{part}_test_confusion"]) == 30
        right = np.trace(measured[f"{part}_test_confusion"])
        assert measured[f"{part}_test_accuracy"] == pytest.approx(100 * right / 30)
        assert f"{part}_train_accuracy" not in measured
    parts = ("cnn_seconds", "extraction_seconds", "mlp_seconds")
    assert measured["seconds"] == sum(measured[name] for name in parts)


def test_a_lone_networks_figures_have_no_prefix(small_dataset: Dataset):
    run = CNNRun(NETWORK.network, TRAINING)
    measured = measure(run, small_dataset, ("test",))
    confusion = np.array(measured["test_confusion"])
    for index in range(10):
        expected = 100 * confusion[index, index] / max(1, confusion[index].sum())
        assert measured[f"test_class_{index}"] == pytest.approx(expected)
    assert measured["software"]["flax"]
    # The same first half, so the same network.
    both = measure(PIPELINE, small_dataset, ("test",))
    assert both["cnn_test_confusion"] == measured["test_confusion"]


@pytest.mark.parametrize("run", [MLPRun(MLPConfig()), CNNRun(NETWORK.network), PIPELINE])
def test_every_training_of_a_run_gets_the_seed(run: MLPRun | CNNRun | PipelineRun):
    seeded = with_trainings(run, seed=7, epochs=1)
    assert seed_of(seeded) == 7
    assert [training.epochs for training in trainings(seeded).values()] == [1] * len(trainings(run))
    assert with_trainings(seeded, seed=0).data == run.data
