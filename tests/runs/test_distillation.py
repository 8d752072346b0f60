"""Distillation: what the teacher's probabilities become, and which teachers are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.checkpoint.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.config.codec import encode
from fmnist_jax.data.dataset import CLASS_NAMES, Dataset, Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import FittedStage, logits
from fmnist_jax.runs.config import NAMES, Run, Stage
from fmnist_jax.runs.distillation import soften
from fmnist_jax.runs.train import train
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.scratch.mlp_config import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from tests.once import few

MODEL = MLPConfig((784, 10))
TRAINING = TrainingConfig(epochs=1, batch_size=100, learning_rate=1e-30, patience=None)
RUN = Run((Stage("mlp", MODEL, TRAINING, UNIT),))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """100 images of each split."""
    raw = few()
    first, second = (
        Split(*(values[part] for values in raw.train)) for part in (np.s_[:100], np.s_[100:200])
    )
    test = Split(*(values[:100] for values in raw.test))
    return Dataset(first, second, test, raw.source, raw.checksum)


@pytest.fixture
def teacher(dataset: Dataset) -> Checkpoint:
    """An untrained network, as if trained."""
    variables = MODEL.build().init(jax.random.key(5))
    stage = FittedStage("mlp", MODEL, UNIT, variables, {})
    return Checkpoint((stage,), CLASS_NAMES, {}, encode(RUN, NAMES), dataset.checksum)


def with_teacher(path: Path, run: Run = RUN, **training: Any) -> Run:
    return run.with_training(teacher=str(path), **training)


def test_soft_probabilities_are_the_softmax_of_logits_over_the_temperature() -> None:
    scores = np.random.default_rng(0).normal(size=(5, 10)).astype(np.float32)
    found = soften(np.asarray(jax.nn.softmax(scores)), 4.0)
    np.testing.assert_allclose(found, jax.nn.softmax(scores / 4), rtol=1e-5)


def test_training_minimises_the_cross_entropy_with_the_mixed_targets(
    tmp_path: Path, dataset: Dataset, teacher: Checkpoint
) -> None:
    """The rate is so small that the epoch's loss is that of the first weights."""
    save_checkpoint(tmp_path / "teacher", teacher)
    run = with_teacher(tmp_path / "teacher", teacher_weight=0.7, temperature=2.0)
    (stage,) = train(run, dataset).stages
    images, labels = dataset.train
    taught = jax.nn.softmax(logits(teacher.stages, images) / 2, axis=-1)
    targets = 0.3 * np.eye(10)[labels] + 0.7 * np.asarray(taught, np.float64)
    student = np.asarray(jax.nn.log_softmax(logits([stage.fitted], images), axis=-1), np.float64)
    expected = -(targets * student).sum(axis=1).mean()
    assert stage.history[0].train_loss == pytest.approx(expected, rel=1e-5)
    assert train(RUN, dataset).stages[0].history[0].train_loss != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda teacher: evolve(teacher, class_names=(*CLASS_NAMES[:9], "Hat")),
            "must have the data set's 10 classes .*, found 10: .*Hat",
        ),
        (
            lambda teacher: evolve(teacher, data_checksum="another"),
            "must be trained on these images .* found 'another'; use a network",
        ),
        (
            lambda teacher: evolve(
                teacher, run=encode(evolve(RUN, data=DataConfig(split_seed=1)), NAMES)
            ),
            "split_seed must be 1, as for the network in .* measured on images that it has learned",
        ),
    ],
)
def test_teachers_that_do_not_fit_are_refused_before_training(
    tmp_path: Path,
    dataset: Dataset,
    teacher: Checkpoint,
    change: Callable[[Checkpoint], Checkpoint],
    message: str,
) -> None:
    save_checkpoint(tmp_path / "teacher", change(teacher))
    with pytest.raises(UserError, match=message) as error:
        train(with_teacher(tmp_path / "teacher"), dataset)
    assert "\n" not in str(error.value)


def test_a_teacher_that_is_missing_is_refused(dataset: Dataset) -> None:
    with pytest.raises(UserError, match="no-such: not found"):
        train(with_teacher(Path("no-such")), dataset)


def test_a_loss_that_cannot_reach_a_teacher_s_probabilities_is_refused() -> None:
    twice = Run((evolve(RUN.stages[0], model=evolve(MODEL, loss=SOFTMAX_TWICE)),))
    with pytest.raises(UserError, match="stage mlp: loss must not be softmax-twice with a teacher"):
        with_teacher(Path("report1-mlp"), twice)
