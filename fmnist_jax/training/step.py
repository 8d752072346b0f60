"""The jitted programs: a whole training epoch, and inference on a whole split."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, Num

from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.models.base import Logits, Model, Parameters
from fmnist_jax.training.augmentation import Augmentation, unchanged

EVALUATION_BATCH = 80
"""Images a step of inference, whole vectors of a CPU: 64 make LeNet's features 0.78 times as fast, 96 those
of 5x5 kernels 0.93 times (`experiments/benchmarks/convnets.py`). Any split is padded to a multiple and cut
again."""

AUGMENTED = 2**31
"""Folded into a step's key for its augmentation; dropout folds in a layer's number, and they are fewer."""


class DeviceSplit(NamedTuple):
    """A split on the device: images (or features) as they were loaded, and labels."""

    images: Num[Array, "n *shape"]
    labels: Int[Array, " n"]


class TrainState(NamedTuple):
    """What a training step changes."""

    parameters: Parameters
    optimizer_state: Any


class StepMetrics(NamedTuple):
    """What each step saw before its update; arrays of one entry a step."""

    loss_sum: Float[Array, " steps"]
    """Losses added up over the batch."""
    correct: Int[Array, " steps"]
    """Right answers in the batch."""


@partial(
    jax.jit,
    static_argnames=("model", "scaling", "optimizer", "batch_size", "augmentation"),
    donate_argnames=("state",),
)
def train_epoch(
    state: TrainState,
    key: Key[Array, ""],
    data: DeviceSplit,
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    augmentation: Augmentation = unchanged,
) -> tuple[TrainState, StepMetrics]:
    """One pass over `data` in an order drawn by `key`, in one program; `state` is donated.

    The last step takes the images that are left over, so every image is seen once.
    """
    count = data.labels.shape[0]
    full, rest = divmod(count, batch_size)
    order, keys = drawn(key, count, batch_size)

    def step(
        state: TrainState, batch: tuple[Int[Array, " batch"], Key[Array, ""]]
    ) -> tuple[TrainState, StepMetrics]:
        return training_step(
            state,
            *batch,
            data,
            statistics,
            model=model,
            scaling=scaling,
            optimizer=optimizer,
            augmentation=augmentation,
        )

    batches = order[: full * batch_size].reshape(full, batch_size)
    state, metrics = jax.lax.scan(step, state, (batches, keys[:full]))
    if rest:
        state, last = step(state, (order[full * batch_size :], keys[full]))
        metrics = jax.tree.map(lambda all_, one: jnp.append(all_, one), metrics, last)
    return state, metrics


def drawn(
    key: Key[Array, ""], count: int, batch_size: int
) -> tuple[Int[Array, " count"], Key[Array, " steps"]]:
    """An epoch's order of the images, and each step's key, with one to spare where none is left over."""
    order_key, dropout_key = jax.random.split(key)
    order = jax.random.permutation(order_key, count)
    return order, jax.random.split(dropout_key, count // batch_size + 1)


def training_step(
    state: TrainState,
    indices: Int[Array, " batch"],
    key: Key[Array, ""],
    data: DeviceSplit,
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
    optimizer: optax.GradientTransformation,
    augmentation: Augmentation = unchanged,
) -> tuple[TrainState, StepMetrics]:
    """Learn from the images of `indices`."""
    labels = data.labels[indices]
    images = augmented(key, data.images[indices], augmentation)
    inputs = scaling.apply(statistics, images)
    (_, logits), gradients = model.value_and_grad(state.parameters, inputs, labels, key)
    updates, optimizer_state = optimizer.update(gradients, state.optimizer_state, state.parameters)
    parameters = optax.apply_updates(state.parameters, updates)
    metrics = StepMetrics(
        model.losses(logits, labels).sum(), (logits.argmax(axis=-1) == labels).sum()
    )
    return TrainState(parameters, optimizer_state), metrics


def augmented(
    key: Key[Array, ""], images: Num[Array, "batch *shape"], augmentation: Augmentation
) -> Num[Array, "batch *shape"]:
    """The images that a step learns from; `key` is the step's, of which dropout has its own part."""
    return augmentation(jax.random.fold_in(key, AUGMENTED), images)


@partial(jax.jit, static_argnames=("model", "scaling"))
def predict_logits(
    parameters: Parameters,
    images: Num[Array, "n *shape"],
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
) -> Logits:
    """The logits of every image, in order."""
    return in_batches(lambda part: model.apply(parameters, scaling.apply(statistics, part)), images)


def in_batches(
    function: Callable[[Num[Array, "batch *shape"]], Num[Array, "batch outputs"]],
    images: Num[Array, "n *shape"],
) -> Num[Array, "n outputs"]:
    """`function` of every image, in order, `EVALUATION_BATCH` at a time; of no images, no rows."""
    count = images.shape[0]
    batch = max(1, min(EVALUATION_BATCH, count))
    padding = -count % batch
    padded = jnp.pad(images, [(0, padding)] + [(0, 0)] * (images.ndim - 1))
    outputs = jax.lax.map(function, padded.reshape(-1, batch, *images.shape[1:]))
    return outputs.reshape(-1, outputs.shape[-1])[:count]


@partial(jax.jit, static_argnames=("model", "scaling"))
def evaluate(
    parameters: Parameters,
    data: DeviceSplit,
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """(mean loss, number of right answers) over every image of `data`."""
    logits = predict_logits(parameters, data.images, statistics, model=model, scaling=scaling)
    correct = logits.argmax(axis=-1) == data.labels
    return model.losses(logits, data.labels).mean(), correct.sum()
