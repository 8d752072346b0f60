"""The one training loop: any model, epoch by epoch, until early stopping or the last epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.errors import DivergedError
from fmnist_jax.models.base import Model, Parameters
from fmnist_jax.training.config import TrainingConfig, learning_rate_of, optimizer_of
from fmnist_jax.training.early_stopping import EarlyStopping, update
from fmnist_jax.training.nonfinite import failing_layer, failing_layer_of_inference
from fmnist_jax.training.step import DeviceSplit, StepMetrics, TrainState, evaluate, train_epoch


class EpochRecord(NamedTuple):
    """One line of a run's history; no clock in it, so that equal runs have equal histories."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean over the epoch's images, each seen before the step that learned from it."""
    train_accuracy: float
    """Likewise; a fraction."""
    validation_loss: float
    """Mean over the validation split, after the epoch."""
    validation_accuracy: float
    """Likewise; a fraction."""
    learning_rate: float
    """This epoch's."""
    patience: int
    """Epochs since the best one."""


class FitState(NamedTuple):
    """All that the next epoch depends on, beside the configuration and the data."""

    train: TrainState
    """What the next epoch's steps change, in a copy."""
    best_parameters: Parameters
    """The weights of the best epoch."""
    stopping: EarlyStopping
    epoch: int
    """Epochs done."""


class EpochOutcome(NamedTuple):
    """What an epoch's programs make of one training."""

    trained: TrainState
    metrics: StepMetrics
    validation_loss: Float[Array, ""]
    validation_correct: Int[Array, ""]


def steps_per_epoch(train: DeviceSplit, config: TrainingConfig) -> int:
    """Batches that the training split makes, the last one of what is left over."""
    return -(-len(train.labels) // config.batch_size)


def key_of(config: TrainingConfig, epoch: int) -> Key[Array, ""]:
    """What draws an epoch, counted from 1; that of 0 draws the first weights."""
    return jax.random.fold_in(jax.random.key(config.seed), epoch)


def start(model: Model, config: TrainingConfig, steps_per_epoch: int) -> FitState:
    """The state before the first epoch."""
    parameters = model.init(key_of(config, 0))
    optimizer_state = optimizer_of(config, steps_per_epoch).init(parameters)
    return FitState(TrainState(parameters, optimizer_state), parameters, EarlyStopping(), 0)


def fit(
    model: Model,
    config: TrainingConfig,
    train: DeviceSplit,
    validation: DeviceSplit,
    scaling: Scaling,
    statistics: Statistics,
    state: FitState | None = None,
) -> Iterator[tuple[FitState, EpochRecord]]:
    """Train from `state` (from the start without one), yielding after each epoch.

    The keys of an epoch depend on the seed and the epoch's number alone, so that a run continued from
    any of its states goes on exactly as it would have. Raises DivergedError when a loss or a weight is no
    longer finite, naming the epoch, the step and the layer.
    """
    steps = steps_per_epoch(train, config)
    optimizer = optimizer_of(config, steps)
    state = start(model, config, steps) if state is None else state
    while not finished(state, config):
        # A copy is donated: `state` may hold the best weights, and is looked at again if the epoch fails.
        trained, metrics = train_epoch(
            jax.tree.map(jnp.copy, state.train),
            key_of(config, state.epoch + 1),
            train,
            statistics,
            model=model,
            scaling=scaling,
            optimizer=optimizer,
            batch_size=config.batch_size,
            augmentation=config.augmentation,
        )
        loss, correct = evaluate(
            trained.parameters, validation, statistics, model=model, scaling=scaling
        )
        outcome = EpochOutcome(trained, metrics, loss, correct)
        wrong = not_finite(outcome)
        if wrong is not None:
            raise diverged(
                wrong, state, outcome, model, config, train, validation, scaling, statistics
            )
        state, record = advanced(state, outcome, config, len(train.labels), len(validation.labels))
        yield state, record


def finished(state: FitState, config: TrainingConfig) -> bool:
    """Whether the last epoch is done or patience has run out."""
    out_of_patience = config.patience is not None and state.stopping.waited >= config.patience
    return out_of_patience or state.epoch >= config.epochs


def advanced(
    state: FitState,
    outcome: EpochOutcome,
    config: TrainingConfig,
    train_count: int,
    validation_count: int,
) -> tuple[FitState, EpochRecord]:
    """The state after the epoch that follows `state`, and what the history says of it."""
    epoch = state.epoch + 1
    loss = float(outcome.validation_loss)
    accuracy = int(outcome.validation_correct) / validation_count
    stopping = update(state.stopping, epoch, loss if config.monitor == "loss" else -accuracy)
    is_best = stopping.best_epoch == epoch
    best = outcome.trained.parameters if is_best else state.best_parameters
    metrics = outcome.metrics
    record = EpochRecord(
        epoch,
        train_loss=np.asarray(metrics.loss_sum, np.float64).sum().item() / train_count,
        train_accuracy=np.asarray(metrics.correct).sum().item() / train_count,
        validation_loss=loss,
        validation_accuracy=accuracy,
        learning_rate=float(learning_rate_of(config, jnp.int32(epoch - 1))),
        patience=stopping.waited,
    )
    return FitState(outcome.trained, best, stopping, epoch), record


class NotFinite(NamedTuple):
    """What isn't finite any more."""

    what: str
    step: int | None
    """Counted from 0; None after the last."""


def not_finite(outcome: EpochOutcome) -> NotFinite | None:
    """What an epoch has left that isn't finite: the first loss, else a weight, else on validation."""
    losses = np.asarray(outcome.metrics.loss_sum)
    wrong = np.flatnonzero(~np.isfinite(losses))
    if wrong.size:
        return NotFinite(f"the training loss is {losses[wrong[0]]}", int(wrong[0]))
    for path, leaf in jax.tree.leaves_with_path(outcome.trained.parameters):
        if not np.isfinite(np.asarray(leaf)).all():
            name = jax.tree_util.keystr(path)
            return NotFinite(f"the weights {name} aren't finite", losses.size - 1)
    loss = float(outcome.validation_loss)
    if not np.isfinite(loss):
        return NotFinite(f"the validation loss is {loss}", None)
    return None


def diverged(
    wrong: NotFinite,
    state: FitState,
    outcome: EpochOutcome,
    model: Model,
    config: TrainingConfig,
    train: DeviceSplit,
    validation: DeviceSplit,
    scaling: Scaling,
    statistics: Statistics,
) -> DivergedError:
    """The error that tells where the epoch after `state` failed; it searches for the layer."""
    epoch, steps = state.epoch + 1, steps_per_epoch(train, config)
    if wrong.step is None:
        when = f"after epoch {epoch}"
        layer = failing_layer_of_inference(
            outcome.trained.parameters, validation, statistics, model=model, scaling=scaling
        )
    else:
        when = f"in epoch {epoch}, step {wrong.step + 1} of {steps}"
        layer = failing_layer(
            state.train,
            key_of(config, epoch),
            train,
            statistics,
            wrong.step,
            model=model,
            scaling=scaling,
            optimizer=optimizer_of(config, steps),
            batch_size=config.batch_size,
            augmentation=config.augmentation,
        )
    where = "" if layer is None else f", first in {layer}"
    return DivergedError(
        f"{wrong.what} {when}{where}: lower learning_rate (now {config.learning_rate}), or look for "
        "inputs that aren't finite"
    )
