import numpy as np
import pytest
from attrs import evolve

from experiments.engine.measure import measure
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops.pooling import GLOBAL
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

NETWORK = ConvNetConfig((Block(2, kernel=1, pooling=GLOBAL),), hidden=())
TRAINING = TrainingConfig(epochs=2, batch_size=20, patience=None)
PIPELINE = Run(
    (
        Stage("convnet", NETWORK, TRAINING, UNIT),
        Stage("mlp", MLPConfig((2, 10)), evolve(TRAINING, epochs=3), Z_SCORE),
    )
)


def test_figures_are_stored_by_stage(small_dataset: Dataset):
    measured = measure(PIPELINE, small_dataset, ("validation", "test"))
    assert list(measured["stages"]) == ["convnet", "mlp"]
    convnet, mlp = measured["stages"].values()
    assert (convnet["stopped_epoch"], mlp["stopped_epoch"]) == (2, 3)
    assert len(mlp["history"]["train_loss"]) == 3
    for figures in (convnet, mlp):
        assert np.sum(figures["test_confusion"]) == 30
        right = np.trace(figures["test_confusion"])
        assert figures["test_accuracy"] == pytest.approx(100 * right / 30)
        assert "train_accuracy" not in figures
    assert "extraction_seconds" not in convnet
    parts = (convnet["seconds"], mlp["seconds"] + mlp["extraction_seconds"])
    assert measured["seconds"] == sum(parts)

    # The first stage on its own is the same network.
    alone = measure(Run(PIPELINE.stages[:1]), small_dataset, ("test",))
    assert alone["stages"]["convnet"]["test_confusion"] == convnet["test_confusion"]
    assert alone["seconds"] == alone["stages"]["convnet"]["seconds"]
    assert alone["software"]["flax"]
    confusion = np.array(convnet["test_confusion"])
    for index in range(10):
        expected = 100 * confusion[index, index] / max(1, confusion[index].sum())
        assert convnet[f"test_class_{index}"] == pytest.approx(expected)


def test_of_a_resplit_the_images_of_each_file_are_counted(small_dataset: Dataset):
    run = Run(PIPELINE.stages[:1])
    positions = {"test": np.arange(30, dtype=np.int32), "validation": np.zeros(20, np.int32)}
    resplit = evolve(small_dataset, resplit_seed=0, positions=positions, training_file=12)
    figures = measure(run, resplit, ("validation", "test"))["stages"]["convnet"]
    counts = [figures[f"test_images_of_{file}_file"] for file in ("training", "test")]
    assert counts == [12, 18]
    both = [figures[f"test_accuracy_of_{file}_file"] for file in ("training", "test")]
    assert np.dot(counts, both) / 30 == pytest.approx(figures["test_accuracy"])
    # None of its validation images is from the test file.
    assert figures["validation_images_of_test_file"] == 0
    assert "validation_accuracy_of_test_file" not in figures
    assert figures["validation_accuracy_of_training_file"] == figures["validation_accuracy"]
    plain = measure(run, small_dataset, ("test",))["stages"]["convnet"]
    assert not [name for name in plain if name.endswith("_file")]
