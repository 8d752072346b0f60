"""Where a number first stopped being finite: the step is known, here the layer is found.

Nothing of this runs while all is well: the steps before the one that failed are trained again.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.extend import core
from jaxtyping import Array, Key

from fmnist_jax.data.scaling import Scaling, Statistics
from fmnist_jax.models.base import Model, Parameters
from fmnist_jax.training.augmentation import Augmentation, unchanged
from fmnist_jax.training.step import (
    EVALUATION_BATCH,
    DeviceSplit,
    TrainState,
    augmented,
    drawn,
    training_step,
)


def failing_layer(
    state: TrainState,
    key: Key[Array, ""],
    data: DeviceSplit,
    statistics: Statistics,
    step: int,
    *,
    model: Model,
    scaling: Scaling,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    augmentation: Augmentation = unchanged,
) -> str | None:
    """The first layer that isn't finite in `step`, counted from 0, or in the one before, which led there.

    `state` is that before the epoch, `key` the epoch's. None where, trained again, all is finite.
    """
    order, keys = drawn(key, len(data.labels), batch_size)
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    before = max(step - 1, 0)

    def follow(
        state: TrainState, batch: tuple[Array, Key[Array, ""]]
    ) -> tuple[TrainState, tuple[()]]:
        following, _ = training_step(
            state,
            *batch,
            data,
            statistics,
            model=model,
            scaling=scaling,
            optimizer=optimizer,
            augmentation=augmentation,
        )
        return following, ()

    if before:
        state, _ = jax.lax.scan(follow, state, (jnp.stack(batches[:before]), keys[:before]))
    for number in (before, step):
        indices = batches[number]
        images = augmented(keys[number], data.images[indices], augmentation)
        inputs = scaling.apply(statistics, images)
        layer = first_layer(
            model.value_and_grad, state.parameters, inputs, data.labels[indices], keys[number]
        )
        if layer is not None:
            return layer
        state, _ = follow(state, (indices, keys[number]))
    return None


def failing_layer_of_inference(
    parameters: Parameters,
    data: DeviceSplit,
    statistics: Statistics,
    *,
    model: Model,
    scaling: Scaling,
) -> str | None:
    """The first layer that isn't finite on some image of `data`; None where all is finite."""

    def losses(parameters: Parameters, inputs: Array, labels: Array) -> Array:
        return model.losses(model.apply(parameters, inputs), labels)

    for at in range(0, len(data.labels), EVALUATION_BATCH):
        inputs = scaling.apply(statistics, data.images[at : at + EVALUATION_BATCH])
        layer = first_layer(losses, parameters, inputs, data.labels[at : at + EVALUATION_BATCH])
        if layer is not None:
            return layer
    return None


def first_layer(
    function: Callable[..., Any], parameters: Parameters, *arguments: Any
) -> str | None:
    """The layer at which `function(parameters, *arguments)` is first not finite, as "layer [1]".

    The function's operations are gone through in the order in which they were written down; the layer
    of one is that whose parameters were used last.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(parameters)
    layers = ["layer " + jax.tree_util.keystr(path[:-1]) for path, _ in leaves]
    for layer, (_, leaf) in zip(layers, leaves, strict=True):
        if not np.isfinite(np.asarray(leaf)).all():
            return layer
    closed = jax.make_jaxpr(function)(parameters, *arguments)
    jaxpr = closed.jaxpr
    owners = dict(zip(jaxpr.invars, layers, strict=False))
    layer, made, makers = "the inputs", [], []
    for variable in jaxpr.invars[len(leaves) :]:
        if _is_float(variable):
            made.append(variable)
            makers.append(layer)
    for equation in jaxpr.eqns:
        for variable in equation.invars:
            if not isinstance(variable, core.Literal) and variable in owners:
                layer = owners[variable]
        for variable in equation.outvars:
            if _is_float(variable) and not isinstance(variable, core.DropVar):
                made.append(variable)
                makers.append(layer)
    # The same program, which gives all that it computes on its way.
    told = core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr.replace(outvars=made), closed.consts))

    def finite(*values: Any) -> list[Array]:
        return [jnp.isfinite(value).all() for value in told(*values)]

    found = jax.jit(finite)(*jax.tree.leaves((parameters, arguments)))
    return next((layer for layer, good in zip(makers, found, strict=True) if not good), None)


def _is_float(variable: Any) -> bool:
    return jnp.issubdtype(variable.aval.dtype, jnp.floating)
