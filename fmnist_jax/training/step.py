"""The jitted programs: a whole training epoch, and inference on a whole split."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, Num

from fmnist_jax.config.model import Features, Logits, Model, Variables
from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.devices.mesh import device_count, put, replicate, split_batch
from fmnist_jax.scratch.losses import one_hot
from fmnist_jax.training.augmentation import Augmentation, no_augmentation

EVALUATION_BATCH = 80
"""Images a step of inference, a multiple of a CPU's vector width; `docs/benchmarks.md` has the choice."""

AUGMENTATION_SALT = 2**31
"""Folded into a step's key for its augmentation; dropout folds in layer numbers, which are smaller."""


class DeviceSplit(NamedTuple):
    """A split on the device: images (or features) as they were loaded, labels, and targets."""

    images: Num[Array, "n *shape"]
    labels: Int[Array, " n"]
    """What right answers are counted by."""
    targets: Float[Array, "n classes"]
    """What losses are computed from: a distribution over the classes a row."""


def put_on_device(
    images: Num[Array | np.ndarray, "n *shape"], labels: Int[Array | np.ndarray, " n"], classes: int
) -> DeviceSplit:
    """Put a split on the devices that are used, its targets the one-hot rows of the labels."""
    targets = one_hot(labels, classes)
    return DeviceSplit(*put((images, labels, targets)))


class TrainingData(NamedTuple):
    """What a model is trained and validated on."""

    train: DeviceSplit
    validation: DeviceSplit | None
    """None: every epoch is trained without being measured, and the last one is kept."""
    statistics: Statistics
    """What the scaling found in the training split."""


class TrainState(NamedTuple):
    """What a training step changes."""

    variables: Variables
    optimizer_state: Any


class StepMetrics(NamedTuple):
    """Figures of each step before its update; in an epoch's metrics, arrays with one entry a step."""

    loss_sum: Float[Array, "*steps"]
    """Sum of the losses over the batch."""
    correct: Int[Array, "*steps"]
    """Right answers in the batch."""


class Task(NamedTuple):
    """All that a training program is compiled for; hashable, so that `jit` takes it as one static value."""

    model: Model
    scaling: Scaling
    optimizer: optax.GradientTransformation
    batch_size: int
    augmentation: Augmentation = no_augmentation


@partial(jax.jit, static_argnames=("task",), donate_argnames=("state",))
def train_epoch(
    state: TrainState,
    key: Key[Array, ""],
    data: DeviceSplit,
    statistics: Statistics,
    task: Task,
) -> tuple[TrainState, StepMetrics]:
    """Make one pass over `data` in an order drawn by `key`, in one program; `state` is donated.

    The last step takes the images that are left over, so every image is used once.
    """
    count = data.labels.shape[0]
    full, rest = divmod(count, task.batch_size)
    order, keys = replicate(draw_epoch(key, count, task.batch_size))

    def step(
        state: TrainState, batch: tuple[Int[Array, " batch"], Key[Array, ""]]
    ) -> tuple[TrainState, StepMetrics]:
        return train_step(state, *batch, data, statistics, task)

    batches = order[: full * task.batch_size].reshape(full, task.batch_size)
    state, metrics = jax.lax.scan(step, state, (batches, keys[:full]))
    if rest:
        state, last = step(state, (order[full * task.batch_size :], keys[full]))
        metrics = jax.tree.map(lambda all_, one: jnp.append(all_, one), metrics, last)
    return state, metrics


def draw_epoch(
    key: Key[Array, ""], count: int, batch_size: int
) -> tuple[Int[Array, " count"], Key[Array, " steps"]]:
    """Draw an epoch's order of the images and each step's key, one too many if none is left over."""
    order_key, step_key = jax.random.split(key)
    order = jax.random.permutation(order_key, count)
    return order, jax.random.split(step_key, count // batch_size + 1)


def train_step(
    state: TrainState,
    indices: Int[Array, " batch"],
    key: Key[Array, ""],
    data: DeviceSplit,
    statistics: Statistics,
    task: Task,
) -> tuple[TrainState, StepMetrics]:
    """Update the variables once, by the images of `indices`."""
    drawn = jax.tree.map(lambda values: values[indices], data)
    images, labels, targets = split_batch(drawn)
    inputs = split_batch(draw_inputs(key, images, statistics, task))
    (_, (logits, network_state)), gradients = task.model.value_and_grad(
        state.variables, inputs, targets, key
    )
    parameters = state.variables.parameters
    updates, optimizer_state = task.optimizer.update(gradients, state.optimizer_state, parameters)
    variables = Variables(optax.apply_updates(parameters, updates), network_state)
    correct = logits.argmax(axis=-1) == labels
    metrics = StepMetrics(task.model.losses(logits, targets).sum(), correct.sum())
    return replicate((TrainState(variables, optimizer_state), metrics))


def draw_inputs(
    key: Key[Array, ""], images: Num[Array, "batch *shape"], statistics: Statistics, task: Task
) -> Float[Array, "batch *shape"]:
    """Augment and scale a step's images; `key` is the step's, of which dropout folds in other numbers."""
    changed = task.augmentation(jax.random.fold_in(key, AUGMENTATION_SALT), images)
    return task.scaling.apply(statistics, changed)


@partial(jax.jit, static_argnames=("model", "scaling"))
def predict_logits(
    variables: Variables,
    images: Num[Array, "n *shape"],
    statistics: Statistics,
    model: Model,
    scaling: Scaling,
) -> Logits:
    """Compute the logits of every image, in order."""
    return in_batches(lambda part: model.apply(variables, scaling.apply(statistics, part)), images)


@partial(jax.jit, static_argnames=("model", "scaling"))
def predict_features(
    variables: Variables,
    images: Num[Array, "n *shape"],
    statistics: Statistics,
    model: Model,
    scaling: Scaling,
) -> Features:
    """Compute the features of every image, in order."""
    return in_batches(
        lambda part: model.features(variables, scaling.apply(statistics, part)), images
    )


def in_batches(
    function: Callable[[Num[Array, "batch *shape"]], Num[Array, "batch outputs"]],
    images: Num[Array, "n *shape"],
) -> Num[Array, "n outputs"]:
    """Apply `function` to every image, in order, `EVALUATION_BATCH` a device; no images give no rows."""
    count, devices = images.shape[0], device_count()
    batch = devices * max(1, min(EVALUATION_BATCH, -(-count // devices)))
    padding = -count % batch
    padded = jnp.pad(images, [(0, padding)] + [(0, 0)] * (images.ndim - 1))
    parts = padded.reshape(-1, batch, *images.shape[1:])
    outputs = replicate(jax.lax.map(lambda part: function(split_batch(part)), parts))
    return outputs.reshape(-1, outputs.shape[-1])[:count]


@partial(jax.jit, static_argnames=("task",))
def evaluate(
    variables: Variables, data: DeviceSplit, statistics: Statistics, task: Task
) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """Return (mean loss, number of right answers) over every image of `data`."""
    logits = predict_logits(variables, data.images, statistics, task.model, task.scaling)
    correct = logits.argmax(axis=-1) == data.labels
    return task.model.losses(logits, data.targets).mean(), correct.sum()
