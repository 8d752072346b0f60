"""The one training loop: any model, epoch by epoch, until early stopping or the last epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from fmnist_jax.config.model import Model, Variables
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.training.config import (
    TrainingConfig,
    build_optimizer,
    check_without_validation,
    learning_rate_at,
)
from fmnist_jax.training.early_stopping import EarlyStopping, update
from fmnist_jax.training.nonfinite import Failure, find_nonfinite, nonfinite_error
from fmnist_jax.training.step import (
    StepMetrics,
    Task,
    TrainingData,
    TrainState,
    evaluate,
    first_state,
    train_epoch,
)


class EpochRecord(NamedTuple):
    """One line of a run's history; no clock time in it, so that equal runs have equal histories."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean over the epoch's images and their targets, each before the step that learned from it."""
    train_accuracy: float
    """Of the same images; a fraction."""
    validation_loss: float | None
    """Mean over the validation split, after the epoch; None without a validation split."""
    validation_accuracy: float | None
    """Of the validation split, a fraction; None without one."""
    learning_rate: float
    """Of the epoch's first step."""
    patience: int
    """Epochs since the best one; 0 without a validation split."""


class FitState(NamedTuple):
    """All that the next epoch depends on, except for the task, its configuration and the data."""

    train: TrainState
    """What the next epoch's steps change, in a copy."""
    best: Variables
    """The variables that are kept: of the best epoch so far, or of the last."""
    stopping: EarlyStopping
    epoch: int
    """Epochs done."""


class EpochOutcome(NamedTuple):
    """What an epoch's programs return."""

    train: TrainState
    metrics: StepMetrics
    validation: tuple[Float[Array, ""], Int[Array, ""]] | None
    """(mean loss, right answers); None without a validation split."""


def make_task(
    model: Model,
    scaling: Scaling,
    config: TrainingConfig,
    train_count: int,
    views: Views = one_view,
) -> Task:
    """Build the task of training `model` on `train_count` images; the same for the same settings."""
    optimizer = build_optimizer(config, steps_per_epoch(train_count, config))
    return Task(
        model,
        scaling,
        optimizer,
        config.batch_size,
        config.augmentation,
        config.label_smoothing,
        config.mixup,
        config.weight_average,
        views,
    )


def steps_per_epoch(train_count: int, config: TrainingConfig) -> int:
    """Count the batches of an epoch; the last one holds the images that are left over."""
    return -(-train_count // config.batch_size)


def epoch_key(config: TrainingConfig, epoch: int) -> Key[Array, ""]:
    """Return the key of an epoch, counted from 1; that of 0 draws the first weights."""
    return jax.random.fold_in(jax.random.key(config.seed), epoch)


def start(task: Task, config: TrainingConfig) -> FitState:
    """Return the state before the first epoch."""
    variables = task.model.init(epoch_key(config, 0))
    return FitState(first_state(task, variables), variables, EarlyStopping(), 0)


def fit(
    task: Task, config: TrainingConfig, data: TrainingData, state: FitState | None = None
) -> Iterator[tuple[FitState, EpochRecord]]:
    """Train from `state`, by default from the start; yield after each epoch.

    The keys of an epoch depend on the seed and the epoch's number alone, so a run resumed from any of its
    states continues to the same bits. Raises DivergedError when a loss or a weight is no longer finite,
    naming the epoch, the step and the layer, and UserError for a configuration that needs a validation
    split where the data has none.
    """
    if data.validation is None:
        check_without_validation(config)
    state = start(task, config) if state is None else state
    while not is_finished(state, config):
        key = epoch_key(config, state.epoch + 1)
        # A copy is donated: `state` may hold the best variables, and is used again if the epoch fails.
        copy = jax.tree.map(jnp.copy, state.train)
        trained, metrics = train_epoch(copy, key, data.train, data.statistics, task)
        validation = None
        if data.validation is not None:
            validation = evaluate(trained.evaluated, data.validation, data.statistics, task)
        problem = find_nonfinite(
            metrics.loss_sum, trained.variables, None if validation is None else validation[0]
        )
        if problem is not None:
            failure = Failure(problem, state.epoch + 1, state.train, trained, key)
            raise nonfinite_error(failure, data, task, config)
        outcome = EpochOutcome(trained, metrics, validation)
        state, record = advance(state, outcome, config, data)
        yield state, record


def is_finished(state: FitState, config: TrainingConfig) -> bool:
    """Whether the last epoch is done or patience has run out."""
    out_of_patience = config.patience is not None and state.stopping.waited >= config.patience
    return out_of_patience or state.epoch >= config.epochs


def kept_epoch(state: FitState, config: TrainingConfig) -> int:
    """The epoch of `state.best`."""
    return state.epoch if config.keep == "last" else state.stopping.best_epoch


def advance(
    state: FitState, outcome: EpochOutcome, config: TrainingConfig, data: TrainingData
) -> tuple[FitState, EpochRecord]:
    """Return the state after the epoch that follows `state`, and its line of the history."""
    epoch = state.epoch + 1
    loss, accuracy, stopping = None, None, state.stopping
    if outcome.validation is not None and data.validation is not None:
        loss = float(outcome.validation[0])
        accuracy = int(outcome.validation[1]) / len(data.validation.labels)
        monitored = loss if config.monitor == "loss" else -accuracy
        stopping = update(stopping, epoch, monitored, config.min_delta)
    is_kept = config.keep == "last" or stopping.best_epoch == epoch
    best = outcome.train.evaluated if is_kept else state.best
    count = len(data.train.labels)
    steps = steps_per_epoch(count, config)
    record = EpochRecord(
        epoch,
        train_loss=np.asarray(outcome.metrics.loss_sum, np.float64).sum().item() / count,
        train_accuracy=np.asarray(outcome.metrics.correct).sum().item() / count,
        validation_loss=loss,
        validation_accuracy=accuracy,
        learning_rate=float(learning_rate_at(config, jnp.int32((epoch - 1) * steps), steps)),
        patience=stopping.waited,
    )
    return FitState(outcome.train, best, stopping, epoch), record
