"""Where a number first stopped being finite: the loop finds the step, this module the layer.

While all is finite it costs one look at the weights per epoch; after a failure the steps before it are
trained again. (JAX's own
debug_nans names a primitive and a line of code, not the layer that it belongs to.)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import Parameters, Variables
from fmnist_jax.data.scaling import Statistics
from fmnist_jax.errors import DivergedError
from fmnist_jax.training.augmentation import Draw
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.step import (
    EVALUATION_BATCH,
    DeviceSplit,
    Task,
    TrainingData,
    TrainState,
    draw_batch,
    draw_epoch,
    epoch_of,
    train_step,
)


class Problem(NamedTuple):
    """What is no longer finite."""

    what: str
    step: int | None
    """Counted from 0; None after the last."""


class Failure(NamedTuple):
    """An epoch that failed."""

    problem: Problem
    epoch: int
    """Counted from 1."""
    before: TrainState
    after: TrainState
    key: Key[Array, ""]
    """The epoch's."""


def find_nonfinite(
    loss_sum: Float[Array, " steps"], variables: Variables, validation_loss: Float[Array, ""] | None
) -> Problem | None:
    """Find what isn't finite after an epoch: the first loss, else an array, else the validation loss."""
    losses = np.asarray(loss_sum)
    wrong = np.flatnonzero(~np.isfinite(losses))
    if wrong.size:
        return Problem(f"the training loss is {losses[wrong[0]]}", int(wrong[0]))
    for what, tree in (
        ("weights {} aren't", variables.parameters),
        ("state {} isn't", variables.state),
    ):
        for path, leaf in jax.tree.leaves_with_path(tree):
            if not np.isfinite(np.asarray(leaf)).all():
                name = jax.tree_util.keystr(path)
                return Problem(f"the {what.format(name)} finite", losses.size - 1)
    loss = 0.0 if validation_loss is None else float(validation_loss)
    return None if np.isfinite(loss) else Problem(f"the validation loss is {loss}", None)


def nonfinite_error(
    failure: Failure, data: TrainingData, task: Task, config: TrainingConfig
) -> DivergedError:
    """Return the error that says where an epoch failed; it searches for the layer."""
    problem = failure.problem
    if problem.step is None:
        assert data.validation is not None  # whose loss it is
        when = f"after epoch {failure.epoch}"
        layer = find_layer_of_inference(
            failure.after.evaluated, data.validation, data.statistics, task
        )
    else:
        steps = -(-len(data.train.labels) // task.batch_size)
        when = f"in epoch {failure.epoch}, step {problem.step + 1} of {steps}"
        layer = find_layer_of_training(
            failure.before, failure.key, data.train, data.statistics, problem.step, task
        )
    where = "" if layer is None else f", first in {layer}"
    return DivergedError(
        f"{problem.what} {when}{where}: lower learning_rate (now {config.learning_rate}), or check the "
        "inputs for values that aren't finite"
    )


def find_layer_of_training(
    state: TrainState,
    key: Key[Array, ""],
    data: DeviceSplit,
    statistics: Statistics,
    step: int,
    task: Task,
) -> str | None:
    """Find the first layer that isn't finite in `step`, counted from 0, or in the step before, its cause.

    `state` is the one before the epoch, `key` the epoch's. None if all is finite when trained again.
    """
    order, keys = draw_epoch(key, len(data.labels), task.batch_size)
    run_step = jax.jit(train_step, static_argnames=("task",))

    def learn(parameters: Parameters, network_state: Any, *batch: Any) -> Any:
        return task.model.value_and_grad(Variables(parameters, network_state), *batch)

    for number in range(step + 1):
        first = number * task.batch_size
        indices = order[first : first + task.batch_size]
        if number >= step - 1:
            draw = Draw(keys[number], indices, epoch_of(state.step, data, task))
            batch = draw_batch(draw, data, statistics, task)
            layer = find_layer(learn, *state.variables, *batch, keys[number])
            if layer is not None:
                return layer
        state, _ = run_step(state, indices, keys[number], data, statistics, task)
    return None


def find_layer_of_inference(
    variables: Variables, data: DeviceSplit, statistics: Statistics, task: Task
) -> str | None:
    """Find the first layer that isn't finite on some image of `data`; None if all is finite."""

    def losses(parameters: Parameters, network_state: Any, inputs: Array, targets: Array) -> Array:
        logits = task.model.apply(Variables(parameters, network_state), inputs)
        return task.model.losses(logits, targets)

    for first in range(0, len(data.labels), EVALUATION_BATCH):
        batch = slice(first, first + EVALUATION_BATCH)
        inputs = task.scaling.apply(statistics, data.images[batch])
        layer = find_layer(losses, *variables, inputs, data.targets[batch])
        if layer is not None:
            return layer
    return None


def find_layer(function: Callable[..., Any], parameters: Parameters, *arguments: Any) -> str | None:
    """Find the layer at which `function(parameters, *arguments)` is first not finite, as "layer [1]".

    The operations are searched in the order in which they were traced; an operation belongs to the layer
    whose parameters were used last.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(parameters)
    layers = ["layer " + jax.tree_util.keystr(path[:-1]) for path, _ in leaves]
    for layer, (_, leaf) in zip(layers, leaves, strict=True):
        if not np.isfinite(np.asarray(leaf)).all():
            return layer
    closed = jax.make_jaxpr(function)(parameters, *arguments)
    jaxpr = closed.jaxpr
    owners = dict(zip(jaxpr.invars, layers, strict=False))
    layer, outputs, output_layers = "the inputs", [], []
    for variable in jaxpr.invars[len(leaves) :]:
        if _is_float(variable):
            outputs.append(variable)
            output_layers.append(layer)
    for equation in jaxpr.eqns:
        for variable in equation.invars:
            if not isinstance(variable, core.Literal) and variable in owners:
                layer = owners[variable]
        for variable in equation.outvars:
            if _is_float(variable) and not isinstance(variable, core.DropVar):
                outputs.append(variable)
                output_layers.append(layer)
    # The same program, with every intermediate result as an output.
    expose = core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr.replace(outvars=outputs), closed.consts))

    def finite(*values: Any) -> list[Array]:
        return [jnp.isfinite(value).all() for value in expose(*values)]

    # Run once, so compiling quickly counts for more than running fast.
    quick = jax.jit(finite, compiler_options={"xla_backend_optimization_level": 0})
    found = quick(*jax.tree.leaves((parameters, arguments)))
    pairs = zip(output_layers, found, strict=True)
    return next((layer for layer, is_finite in pairs if not is_finite), None)


def _is_float(variable: Any) -> bool:
    return jnp.issubdtype(variable.aval.dtype, jnp.floating)
