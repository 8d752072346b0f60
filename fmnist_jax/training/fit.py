"""The one training loop: any model, epoch by epoch, until early stopping or the last epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.errors import DivergedError
from fmnist_jax.models import Model, Parameters
from fmnist_jax.training.config import TrainingConfig, learning_rate_of, optimizer_of
from fmnist_jax.training.diagnosis import failing_layer, failing_layer_of_inference
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
    """What the next epoch's steps change, in a copy."""
    best_parameters: Parameters
    """The weights of the best epoch."""
    stopping: EarlyStopping
    epoch: int
    """Epochs done."""


def steps_per_epoch(train: DeviceSplit, config: TrainingConfig) -> int:
    """Batches that the training split makes, the last one of what is left over."""
    return -(-len(train.labels) // config.batch_size)


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
    any of its states goes on exactly as it would have. Raises DivergedError when a loss or a weight is no
    longer finite, naming the epoch, the step and the layer.
    """
    steps = steps_per_epoch(train, config)
    optimizer = optimizer_of(config, steps)
    state = start(model, config, steps) if state is None else state
    while not finished(state, config):
        epoch = state.epoch + 1
        key = jax.random.fold_in(jax.random.key(config.seed), epoch)
        # A copy: it is donated, and where the epoch fails its beginning is looked at again.
        trained, metrics = train_epoch(
            jax.tree.map(jnp.copy, state.train),
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
        wrong = _not_finite(metrics, trained.parameters, float(loss))
        if wrong is not None:
            layer = (
                failing_layer_of_inference(
                    trained.parameters, validation, statistics, model=model, scaling=scaling
                )
                if wrong.step is None
                else failing_layer(
                    state.train,
                    key,
                    train,
                    statistics,
                    wrong.step,
                    model=model,
                    scaling=scaling,
                    optimizer=optimizer,
                    batch_size=config.batch_size,
                )
            )
            raise _told(wrong, layer, epoch, steps, config)
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


class _NotFinite(NamedTuple):
    """What isn't finite any more."""

    what: str
    step: int | None
    """Counted from 0; None after the last."""


def _not_finite(
    metrics: StepMetrics, parameters: Parameters, validation_loss: float
) -> _NotFinite | None:
    losses = np.asarray(metrics.loss_sum)
    wrong = np.flatnonzero(~np.isfinite(losses))
    if wrong.size:
        return _NotFinite(f"the training loss is {losses[wrong[0]]}", int(wrong[0]))
    for path, leaf in jax.tree.leaves_with_path(parameters):
        if not np.isfinite(np.asarray(leaf)).all():
            name = jax.tree_util.keystr(path)
            return _NotFinite(f"the weights {name} aren't finite", losses.size - 1)
    if not np.isfinite(validation_loss):
        return _NotFinite(f"the validation loss is {validation_loss}", None)
    return None


def _told(
    wrong: _NotFinite, layer: str | None, epoch: int, steps: int, config: TrainingConfig
) -> DivergedError:
    if wrong.step is None:
        when = f"after epoch {epoch}"
    else:
        when = f"in epoch {epoch}, step {wrong.step + 1} of {steps}"
    where = "" if layer is None else f", first in {layer}"
    return DivergedError(
        f"{wrong.what} {when}{where}: lower learning_rate (now {config.learning_rate}), or look for "
        "inputs that aren't finite"
    )
