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
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.scratch.losses import one_hot
from fmnist_jax.training.augmentation import Augmentation, Draw
from fmnist_jax.training.targets import mix, smooth

EVALUATION_BATCH = 80
"""Images a step of inference, a multiple of a CPU's vector width; `docs/benchmarks.md` has the choice."""

AUGMENTATION_SALT = 2**31
"""Folded into a step's key for its augmentation; dropout folds in layer numbers, which are smaller."""

MIXUP_SALT = AUGMENTATION_SALT + 1
"""Folded into a step's key for the weight of mixup."""


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
    step: Int[Array, ""]
    """Steps done."""
    averaged: Variables | None
    """The moving average of the variables; None if there is none."""

    @property
    def evaluated(self) -> Variables:
        """The variables that are evaluated and kept."""
        return self.variables if self.averaged is None else self.averaged


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
    augmentation: tuple[Augmentation, ...] = ()
    label_smoothing: float = 0.0
    mixup: float = 0.0
    weight_average: float = 0.0
    views: Views = one_view
    """Of inference alone: training learns from one view."""


def first_state(task: Task, variables: Variables) -> TrainState:
    """Return the state before the first step, which starts from `variables`."""
    averaged = jax.tree.map(jnp.copy, variables) if task.weight_average else None
    optimizer_state = task.optimizer.init(variables.parameters)
    return TrainState(variables, optimizer_state, jnp.int32(0), averaged)


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
    draw = Draw(key, indices, epoch_of(state.step, data, task))
    inputs, targets = draw_batch(draw, data, statistics, task)
    (_, (logits, network_state)), gradients = task.model.value_and_grad(
        state.variables, inputs, targets, key
    )
    parameters = state.variables.parameters
    updates, optimizer_state = task.optimizer.update(gradients, state.optimizer_state, parameters)
    variables = Variables(optax.apply_updates(parameters, updates), network_state)
    correct = logits.argmax(axis=-1) == split_batch(data.labels[indices])
    metrics = StepMetrics(task.model.losses(logits, targets).sum(), correct.sum())
    step = state.step + 1
    averaged = update_average(state.averaged, variables, step, task.weight_average)
    return replicate((TrainState(variables, optimizer_state, step, averaged), metrics))


def epoch_of(step: Int[Array, ""], data: DeviceSplit, task: Task) -> Int[Array, ""]:
    """Return the epoch after `step` steps, counted from 0."""
    return step // -(-data.labels.shape[0] // task.batch_size)


def draw_batch(
    draw: Draw, data: DeviceSplit, statistics: Statistics, task: Task
) -> tuple[Float[Array, "batch *shape"], Float[Array, "batch classes"]]:
    """Augment, scale and mix a step's images, and compute their targets.

    `draw.key` is the step's, of which dropout folds in other numbers.
    """
    images, targets = split_batch((data.images[draw.indices], data.targets[draw.indices]))
    key = draw.key
    for augmentation in task.augmentation:
        key = jax.random.fold_in(key, AUGMENTATION_SALT)
        images = augmentation(draw._replace(key=key), images)
    inputs = task.scaling.apply(statistics, images)
    targets = smooth(targets, task.label_smoothing)
    if task.mixup:
        mix_key = jax.random.fold_in(draw.key, MIXUP_SALT)
        inputs, targets = mix(mix_key, inputs, targets, task.mixup)
    return split_batch((inputs, targets))


def update_average(
    averaged: Variables | None, variables: Variables, step: Int[Array, ""], decay: float
) -> Variables | None:
    """Return averaged + (1 - decay) * (variables - averaged); integers are the newest ones.

    The decay is (1 + step) / (10 + step) while that is smaller, so that the first weights are forgotten.
    """
    if averaged is None:
        return None
    done = step.astype(jnp.float32)
    share = 1 - jnp.minimum(decay, (1 + done) / (10 + done))

    def update(new: Array, old: Array) -> Array:
        if not jnp.issubdtype(new.dtype, jnp.floating):
            return new
        return old + share.astype(new.dtype) * (new - old)

    return jax.tree.map(update, variables, averaged)


@partial(jax.jit, static_argnames=("model", "scaling", "views"))
def predict_logits(
    variables: Variables,
    images: Num[Array, "n *shape"],
    statistics: Statistics,
    model: Model,
    scaling: Scaling,
    views: Views = one_view,
) -> Logits:
    """Compute the logits of every image, in order."""

    def logits(part: Num[Array, "batch *shape"]) -> Logits:
        return model.apply(variables, scaling.apply(statistics, part))

    return in_batches(lambda part: views(logits, part), images)


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
    logits = predict_logits(
        variables, data.images, statistics, task.model, task.scaling, task.views
    )
    correct = logits.argmax(axis=-1) == data.labels
    return task.model.losses(logits, data.targets).mean(), correct.sum()
