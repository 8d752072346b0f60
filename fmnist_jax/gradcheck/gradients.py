"""The gradients that a check compares at one point: hand-written, by `jax.grad`, by central differences."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from attrs import evolve, frozen
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, DTypeLike, Float, Int, Key

from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import Inputs, Labels, Logits, MLPConfig, Parameters

ValueAndGrad = Callable[
    [Parameters, Inputs, Labels, MLPConfig, Key[Array, ""] | None],
    tuple[tuple[Float[Array, ""], Logits], Parameters],
]
"""`mlp.value_and_grad`, or another function of the same arguments that is to be checked."""

Jit = Callable[..., Callable[..., Any]]
"""`jax.jit`, or `functools.partial(jax.jit, compiler_options=...)`."""

STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
"""h = 6.1e-6 (times |p| above 1), where truncation h^2 and rounding eps/h are about equal."""

ROUNDINGS = 4
"""Absolute rounding floor of a gradient: this many eps of its dtype. The floor of a central
difference is larger by this many eps (|L| + max|logit|) / h, about 1e-9."""

SLOPE_JUMP = 1e-3
"""A change of g'(Z) between the two sides that only a kink makes: a smooth g' moves by about h."""

Slopes = tuple[Float[Array, "batch units"], ...]


@frozen(eq=False)
class Point:
    """Where a gradient is checked.

    Args:
        parameters: One `Dense` a layer.
        X: Inputs (batch, inputs).
        labels: Class indices (batch,).
        config: The network.
        key: Draws the dropout masks; None means no dropout.
    """

    parameters: Parameters
    X: Inputs
    labels: Labels
    config: MLPConfig
    key: Key[Array, ""] | None = None


jax.tree_util.register_dataclass(Point, ["parameters", "X", "labels", "key"], ["config"])


@frozen(eq=False)
class Gradients:
    """The gradients at one point in one dtype, leaves by path."""

    hand_written: dict[str, np.ndarray]
    autodiff: dict[str, np.ndarray]
    slopes: tuple[np.ndarray, ...]
    """g'(Z) of each hidden layer."""
    problem: str
    """What is wrong with the structure of the hand-written gradient; empty if nothing is."""


def gradients_at(point: Point, value_and_grad: ValueAndGrad, jit: Jit = jax.jit) -> Gradients:
    """Compute both gradients in the dtype of the point's parameters and inputs."""
    found = _compiled(both_gradients, jit)(point, value_and_grad)
    hand_written, autodiff, slopes = jax.device_get(found)
    structure, expected = jax.tree.structure(hand_written), jax.tree.structure(autodiff)
    problem = "" if structure == expected else f"the gradient is a {structure}, expected {expected}"
    return Gradients(_by_path(hand_written), _by_path(autodiff), slopes, problem)


def differences_at(
    point: Point, indices: np.ndarray, jit: Jit = jax.jit
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute `central_differences` at indices of the flattened parameters."""
    return jax.device_get(_compiled(central_differences, jit)(point, jnp.asarray(indices)))


@functools.cache
def _compiled(function: Callable[..., Any], jit: Jit) -> Callable[..., Any]:
    static = ("value_and_grad",) if function is both_gradients else ()
    return jit(function, static_argnames=static)


def both_gradients(
    point: Point, value_and_grad: ValueAndGrad
) -> tuple[Parameters, Parameters, Slopes]:
    """(hand-written, by `jax.grad`, g'(Z)), in one program so that all have the same Z at a kink."""
    parameters, X, labels, config, key = _parts(point)
    _, hand_written = value_and_grad(parameters, X, labels, config, key)
    autodiff, _ = jax.grad(mlp.objective, has_aux=True)(parameters, X, labels, config, key)
    _, cache = mlp.forward(parameters, X, config, key)
    return hand_written, autodiff, _activation_slopes(cache, config)


def central_differences(
    point: Point, indices: Int[Array, " entries"]
) -> tuple[Float[Array, " entries"], Bool[Array, " entries"], Float[Array, " entries"]]:
    """(differences, whether a kink was crossed, rounding floors) at indices of the flat parameters."""
    parameters, X, labels, config, key = _parts(point)
    flat, unravel = ravel_pytree(parameters)

    def side(at: tuple[Array, Array]) -> tuple[Array, Slopes, Array]:
        moved = unravel(flat.at[at[0]].set(at[1]))
        loss, logits = mlp.objective(moved, X, labels, config, key)
        _, cache = mlp.forward(moved, X, config, key)
        return loss, _activation_slopes(cache, config), jnp.abs(loss) + jnp.abs(logits).max()

    def difference(index: Array) -> tuple[Array, Array, Array]:
        h = STEP * jnp.maximum(1.0, jnp.abs(flat[index]))
        sides = jnp.stack([flat[index] - h, flat[index] + h])
        # A loop over the two sides compiles the forward pass once.
        losses, slopes, sizes = jax.lax.map(side, (jnp.stack([index, index]), sides))
        below, above = (tuple(slope[i] for slope in slopes) for i in (0, 1))
        floor = ROUNDINGS * jnp.finfo(jnp.float64).eps * sizes.max() / h
        return (
            (losses[1] - losses[0]) / (sides[1] - sides[0]),
            jnp.asarray(jump(below, above)),
            floor,
        )

    return jax.lax.map(difference, indices)


def _parts(point: Point) -> tuple[Parameters, Inputs, Labels, MLPConfig, Key[Array, ""] | None]:
    return point.parameters, point.X, point.labels, point.config, point.key


def _activation_slopes(cache: mlp.Cache, config: MLPConfig) -> Slopes:
    """g'(Z) of each hidden layer, by autodiff: a wrong backward must not hide a kink."""
    return tuple(
        jax.vjp(activation.forward, Z)[1](jnp.ones_like(Z))[0]
        for activation, Z in zip(config.hidden_activations, cache.Z, strict=True)
    )


def jump(slopes: tuple[Any, ...], others: tuple[Any, ...]) -> Any:
    """Whether the slope of any unit jumps from one to the other."""
    crossed = np.zeros((), bool)
    for a, b in zip(slopes, others, strict=True):
        crossed = crossed | (abs(a - b) > SLOPE_JUMP).any()
    return crossed


def _by_path(tree: Any) -> dict[str, np.ndarray]:
    """Leaves by a readable path: "layer 1 W" for [0].W."""
    return {
        " ".join(_step_name(step) for step in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _step_name(step: Any) -> str:
    if isinstance(step, jax.tree_util.SequenceKey):
        return f"layer {step.idx + 1}"
    return str(getattr(step, "name", getattr(step, "key", step)))


def cast(point: Point, dtype: DTypeLike) -> Point:
    """The point with its parameters and inputs in this dtype."""
    parameters, X = jax.tree.map(
        lambda leaf: jnp.asarray(leaf).astype(dtype), (point.parameters, point.X)
    )
    return evolve(point, parameters=parameters, X=X)
