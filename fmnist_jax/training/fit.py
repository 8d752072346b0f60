"""The one training loop: any model, epoch by epoch, until early stopping or the last epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.errors import UserError
from fmnist_jax.models import Model, Parameters
from fmnist_jax.training.config import TrainingConfig, learning_rate_of, optimizer_of
from fmnist_jax.training.early_stopping import EarlyStopping, update
from fmnist_jax.training.epoch import (
    DeviceSplit,
    StepMetrics,
    TrainState,
    evaluate,
    train_epoch,
)


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
    """Donated to the next epoch: copy what you want to keep."""
    best_parameters: Parameters
    """The weights of the best epoch."""
    stopping: EarlyStopping
    epoch: int
    """Epochs done."""


def start(model: Model, config: TrainingConfig, steps_per_epoch: int) -> FitState:
    """The state before the first epoch."""
    parameters = model.init(jax.random.fold_in(jax.random.key(config.seed), 0))
    optimizer_state = optimizer_of(config, steps_per_epoch).init(parameters)
    # A copy: the state's own buffers are donated to the first epoch.
    best = jax.tree.map(jnp.copy, parameters)
    return FitState(TrainState(parameters, optimizer_state), best, EarlyStopping(), 0)


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
    any of its states goes on exactly as it would have. Raises UserError when a loss or a weight is no
    longer finite, naming the epoch and the step.
    """
    steps_per_epoch = -(-len(train.labels) // config.batch_size)
    optimizer = optimizer_of(config, steps_per_epoch)
    state = start(model, config, steps_per_epoch) if state is None else state
    while not finished(state, config):
        epoch = state.epoch + 1
        key = jax.random.fold_in(jax.random.key(config.seed), epoch)
        trained, metrics = train_epoch(
            state.train,
            key,
            train,
            statistics,
            model=model,
            scaling=scaling,
            optimizer=optimizer,
            batch_size=config.batch_size,
        )
        loss, correct = evaluate(
            trained.parameters, validation, statistics, model=model, scaling=scaling
        )
        _check_finite(metrics, trained.parameters, float(loss), epoch, config)
        accuracy = int(correct) / len(validation.labels)
        value = float(loss) if config.monitor == "loss" else -accuracy
        stopping = update(state.stopping, epoch, value)
        best = (
            jax.tree.map(jnp.copy, trained.parameters)
            if stopping.best_epoch == epoch
            else state.best_parameters
        )
        state = FitState(trained, best, stopping, epoch)
        yield (
            state,
            EpochRecord(
                epoch,
                train_loss=np.asarray(metrics.loss_sum, np.float64).sum().item()
                / len(train.labels),
                train_accuracy=np.asarray(metrics.correct).sum().item() / len(train.labels),
                validation_loss=float(loss),
                validation_accuracy=accuracy,
                learning_rate=float(learning_rate_of(config, jnp.int32(epoch - 1))),
                patience=stopping.waited,
            ),
        )


def finished(state: FitState, config: TrainingConfig) -> bool:
    """Whether the last epoch is done or patience has run out."""
    out_of_patience = config.patience is not None and state.stopping.waited >= config.patience
    return out_of_patience or state.epoch >= config.epochs


def _check_finite(
    metrics: StepMetrics,
    parameters: Parameters,
    validation_loss: float,
    epoch: int,
    config: TrainingConfig,
) -> None:
    losses = np.asarray(metrics.loss_sum)
    wrong = np.flatnonzero(~np.isfinite(losses))
    advice = (
        f"lower learning_rate (now {config.learning_rate}), or look for inputs that aren't finite"
    )
    if wrong.size:
        raise UserError(
            f"the training loss is {losses[wrong[0]]} in epoch {epoch}, step {wrong[0] + 1} of "
            f"{losses.size}: {advice}"
        )
    for path, leaf in jax.tree.leaves_with_path(parameters):
        if not np.isfinite(np.asarray(leaf)).all():
            raise UserError(
                f"the weights {jax.tree_util.keystr(path)} aren't finite after epoch {epoch}, step "
                f"{losses.size} of {losses.size}: {advice}"
            )
    if not np.isfinite(validation_loss):
        raise UserError(f"the validation loss is {validation_loss} after epoch {epoch}: {advice}")
