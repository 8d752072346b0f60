"""Interrupted runs resume to the bit; runs of the same settings share their programs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve, frozen

from fmnist_jax.config.model import Model
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import fingerprint_stages
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.train import Hooks, assess, train
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.checkpointing import TrainingCheckpoints
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import momentum
from tests.patterns import noisy_patterns
from tests.stateful import RunningMean

TRAINING = TrainingConfig(
    epochs=3, batch_size=40, optimizer=momentum, learning_rate=0.03, patience=None
)


@pytest.fixture(scope="module")
def patterns() -> Dataset:
    """Images of 4x4 pixels: 320 to train on, 80 for each of validation and test."""
    counts = {"train": 320, "validation": 80, "test": 80}
    splits = {
        name: Split(*map(np.asarray, noisy_patterns(count, seed)[:2]))
        for seed, (name, count) in enumerate(counts.items())
    }
    return Dataset(splits["train"], splits["validation"], splits["test"], "made", "ab")


def pixels(name: str, *sizes: int, **training: Any) -> Stage:
    """A stage of an MLP."""
    return Stage(name, MLPConfig(sizes), evolve(TRAINING, **training), UNIT)


def test_three_stages_in_a_row(patterns: Dataset):
    """An MLP on the features of an MLP on the features of an MLP."""
    run = Run((pixels("a", 16, 12, 10), pixels("b", 12, 8, 10), pixels("c", 8, 10)))
    outcome = train(run, patterns)
    shapes = [stage.splits["test"].images.shape for stage in outcome.stages]
    assert shapes == [(80, 4, 4), (80, 12), (80, 8)]
    inputs = patterns.test.images
    for stage in outcome.stages:
        np.testing.assert_allclose(stage.splits["test"].images, inputs, rtol=1e-4, atol=1e-5)
        model, scaled = stage.fitted.model.build(), UNIT.apply({}, jnp.asarray(inputs))
        inputs = model.features(stage.fitted.variables, scaled)
    first, second, third = outcome.fitted
    assert first.features_of is None
    assert second.features_of == fingerprint_stages([first])
    assert third.features_of == fingerprint_stages([first, second])
    again = train(run, patterns, fitted=[first, second])
    assert again.stages[2].history == outcome.stages[2].history


class StopError(Exception):
    pass


@pytest.mark.parametrize("model", [MLPConfig((16, 8, 10)), RunningMean()])
def test_interrupted_after_every_epoch_it_ends_with_the_same_bits(
    model: Any, patterns: Dataset, tmp_path: Path
):
    run = Run((Stage("only", model, TRAINING, UNIT),))
    whole = train(run, patterns).stages[0]
    epochs = []
    for _ in range(TRAINING.epochs):
        stops = iter([None, StopError()])  # not before the epoch, but after it
        checkpoints = TrainingCheckpoints(
            tmp_path / "only", "key", stop_requested=lambda stops=stops: next(stops)
        )
        hooks = Hooks(
            on_epoch=lambda _, record: epochs.append(record.epoch),
            checkpoints={"only": checkpoints},
        )
        with pytest.raises(StopError):
            train(run, patterns, hooks)
    assert epochs == [1, 2, 3]
    hooks = Hooks(
        on_epoch=lambda _, record: pytest.fail("an epoch was trained"),
        checkpoints={"only": TrainingCheckpoints(tmp_path / "only", "key")},
    )
    resumed = train(run, patterns, hooks).stages[0]
    assert (resumed.history, resumed.best_epoch) == (whole.history, whole.best_epoch)
    chex.assert_trees_all_equal(resumed.fitted.variables, whole.fitted.variables)
    assert resumed.seconds > 0


def test_without_a_validation_split_it_trains_resumes_and_keeps_the_last_epoch(
    patterns: Dataset, tmp_path: Path
):
    empty = Split(patterns.validation.images[:0], patterns.validation.labels[:0])
    everything = evolve(patterns, validation=empty)
    assert list(everything.splits) == ["train", "test"]
    training = evolve(TRAINING, keep="last")
    run = Run((Stage("only", MLPConfig((16, 8, 10)), training, UNIT),))
    with pytest.raises(UserError, match="stage only: without a validation split"):
        train(run.with_training(keep="best"), everything)
    (whole,) = train(run, everything).stages
    assert whole.best_epoch == 3
    assert whole.history[-1].validation_loss is None
    assert list(assess(whole.fitted, whole.splits, everything.class_names)) == ["train", "test"]

    def checkpoints(stop: Callable[[], BaseException | None]) -> Hooks:
        saved = TrainingCheckpoints(tmp_path / "only", "key", stop_requested=stop)
        return Hooks(checkpoints={"only": saved})

    stops = iter([None, StopError()])
    with pytest.raises(StopError):
        train(run, everything, checkpoints(lambda: next(stops)))
    (resumed,) = train(run, everything, checkpoints(lambda: None)).stages
    assert (resumed.history, resumed.best_epoch) == (whole.history, 3)
    chex.assert_trees_all_equal(resumed.fitted.variables, whole.fitted.variables)


@frozen
class Counted:
    """`MLPConfig`, but that its model may be traced only so often."""

    inner: MLPConfig

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.inner.input_shape

    @property
    def features(self) -> int:
        return self.inner.features

    @property
    def classes(self) -> int:
        return self.inner.classes

    @property
    def min_batch(self) -> int:
        return self.inner.min_batch

    def build(self) -> Model:
        return _counted(self)


@functools.cache
def _counted(config: Counted) -> Model:
    model = config.inner.build()
    return model._replace(
        apply=chex.assert_max_traces(model.apply, n=1),
        features=chex.assert_max_traces(model.features, n=1),
        value_and_grad=chex.assert_max_traces(model.value_and_grad, n=1),
    )


def test_runs_of_the_same_settings_share_their_programs(patterns: Dataset):
    chex.clear_trace_counter()
    first = Stage("first", Counted(MLPConfig((16, 8, 10))), TRAINING, UNIT)  # pyright: ignore
    run = Run((first, pixels("second", 8, 10)))
    histories = [
        train(run.with_training(seed=seed, epochs=2, **changes), patterns).stages[0].history
        for seed, changes in enumerate(({}, {"patience": 1}, {"monitor": "accuracy"}))
    ]
    assert len({history[0].train_loss for history in histories}) == 3
