"""Data sets that a run can't use are refused before it starts."""

from typing import Any

import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.runs.config import Run, Stage, check_dataset
from fmnist_jax.runs.presets import lenet
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig


def mlp_run(*sizes: int) -> Run:
    return Run((Stage("mlp", MLPConfig(sizes), TrainingConfig(), UNIT),))


def convnet_run(model: ConvNetConfig = lenet.MODEL) -> Run:
    return Run((Stage("convnet", model, TrainingConfig(), UNIT),))


GOOD = Split(np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int32))


def made_dataset(others: dict[str, Split]) -> Dataset:
    """Good splits but for `others`."""
    splits = {"train": GOOD, "validation": GOOD, "test": GOOD} | others
    return Dataset(splits["train"], splits["validation"], splits["test"], "made", "ab")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (mlp_run(100, 10), r"stage mlp: its model takes inputs of shape \(100,\), the train split"),
        (mlp_run(784, 5), "stage mlp: its model must have the data set's 10 classes, found 5"),
        (
            convnet_run(evolve(lenet.MODEL, classes=9)),
            "stage convnet: its model must have the data set's 10 classes, found 9",
        ),
    ],
)
def test_models_that_do_not_fit_the_data_are_refused(run: Run, message: str):
    with pytest.raises(UserError, match=message):
        check_dataset(run, made_dataset({}))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(
    ("run", "images", "message"),
    [
        (mlp_run(784, 10), np.zeros((2, 28, 28)), "must be uint8, .* found float64 of shape"),
        (mlp_run(784, 10), [[0]], "must be uint8, .* found list"),
        (mlp_run(784, 10), None, "must be uint8, .* found NoneType"),
        (mlp_run(784, 10), np.zeros((0, 9), np.uint8), r"shape \(784,\), .* have shape \(9,\)"),
        (convnet_run(), np.zeros((2, 28, 28)), "must be uint8, .* found float64"),
        (convnet_run(), np.zeros((2, 784), np.uint8), r"shape \(28, 28\), .* have shape \(784,\)"),
        (
            convnet_run(),
            np.zeros((2, 14, 14), np.uint8),
            r"shape \(28, 28\), .* have shape \(14, 14\)",
        ),
    ],
)
def test_the_images_of_every_split_are_checked(split: str, run: Run, images: Any, message: str):
    check_dataset(run, made_dataset({}))
    with pytest.raises(UserError, match=message) as error:
        check_dataset(run, made_dataset({split: GOOD._replace(images=images)}))
    assert f"the {split} split" in str(error.value)


@pytest.mark.parametrize(("count", "size"), [(9, 4), (8, 1), (1, 64)])
def test_a_batch_of_one_is_refused_with_batch_normalisation(count: int, size: int):
    train = Split(np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.int32))
    normalised, plain = (
        Run((Stage("mlp", MLPConfig((784, 5, 10), batch_norm=norm), training, UNIT),))
        for norm, training in ((norm, TrainingConfig(batch_size=size)) for norm in (True, False))
    )

    check_dataset(plain, made_dataset({"train": train}))
    with pytest.raises(UserError, match=f"stage mlp: .* found 1 in the last .* batches of {size}"):
        check_dataset(normalised, made_dataset({"train": train}))
