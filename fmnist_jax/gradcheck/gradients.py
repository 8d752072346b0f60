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

from fmnist_jax.config.model import HandWritten, Inputs, Parameters, Piecewise, Targets

Jit = Callable[..., Callable[..., Any]]
"""`jax.jit`, or `functools.partial(jax.jit, compiler_options=...)`."""

STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
"""h = 6.1e-6 (times |p| above 1), where truncation h^2 and rounding eps/h are about equal."""

ROUNDINGS = 4
"""Absolute rounding floor of a gradient: this many eps of its dtype. The floor of a central
difference is larger by this many eps (|L| + max|logit|) / h, about 1e-9."""

SLOPE_JUMP = 1e-3
"""A change of g'(Z) between the two sides that only a kink makes: a smooth g' moves by about h.

Relative to the largest slope of the function, since a mean pooling divides all slopes."""

LAYERS = {"blocks": "block"}
"""Names of layers whose parameters are a dictionary by number, where a single one is called differently."""

Slopes = tuple[Float[Array, "..."], ...]


@frozen(eq=False)
class Point:
    """Where a gradient is checked.

    Args:
        parameters: Of the network.
        X: Inputs (batch, *shape).
        targets: One distribution over the classes a row (batch, classes).
        network: The gradient to check, from the configuration's `hand_written()`.
        key: Draws the dropout masks; None means no dropout.
    """

    parameters: Parameters
    X: Inputs
    targets: Targets
    network: HandWritten
    key: Key[Array, ""] | None = None


jax.tree_util.register_dataclass(Point, ["parameters", "X", "targets", "key"], ["network"])


@frozen(eq=False)
class Gradients:
    """The gradients at one point in one dtype, leaves by path."""

    hand_written: dict[str, np.ndarray]
    autodiff: dict[str, np.ndarray]
    slopes: tuple[np.ndarray, ...]
    """Of each piecewise function."""
    problem: str
    """What is wrong with the structure of the hand-written gradient; empty if nothing is."""


def gradients_at(point: Point, jit: Jit = jax.jit) -> Gradients:
    """Compute both gradients in the dtype of the point's parameters and inputs."""
    found = _compiled(both_gradients, jit)(point)
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
    return jit(function)


def both_gradients(point: Point) -> tuple[Parameters, Parameters, Slopes]:
    """(hand-written, by `jax.grad`, slopes), in one program so that all have the same Z at a kink."""
    network, arguments = point.network, (point.parameters, point.X, point.targets, point.key)
    _, hand_written = network.value_and_grad(*arguments)
    autodiff, _ = jax.grad(network.objective, has_aux=True)(*arguments)
    slopes = slopes_of(network.piecewise(point.parameters, point.X, point.key))
    return hand_written, autodiff, slopes


def central_differences(
    point: Point, indices: Int[Array, " entries"]
) -> tuple[Float[Array, " entries"], Bool[Array, " entries"], Float[Array, " entries"]]:
    """(differences, whether a kink was crossed, rounding floors) at indices of the flat parameters."""
    network = point.network
    flat, unravel = ravel_pytree(point.parameters)

    def side(at: tuple[Array, Array]) -> tuple[Array, Slopes, Array]:
        moved = unravel(flat.at[at[0]].set(at[1]))
        loss, logits = network.objective(moved, point.X, point.targets, point.key)
        slopes = slopes_of(network.piecewise(moved, point.X, point.key))
        return loss, slopes, jnp.abs(loss) + jnp.abs(logits).max()

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


def slopes_of(parts: tuple[Piecewise, ...]) -> Slopes:
    """g'(Z) of each function, by autodiff: a wrong backward must not hide a kink."""

    def slopes(function: Callable[..., Array], values: object) -> list[Array]:
        results, pullback = jax.vjp(function, values)
        return jax.tree.leaves(pullback(jnp.ones_like(results)))

    return tuple(slope for part in parts for slope in slopes(*part))


def jump(slopes: tuple[Any, ...], others: tuple[Any, ...]) -> Any:
    """Whether the slope of any unit jumps from one to the other."""
    crossed = np.zeros((), bool)
    for a, b in zip(slopes, others, strict=True):
        crossed = crossed | (abs(a - b) > SLOPE_JUMP * abs(a).max()).any()
    return crossed


def _by_path(tree: Parameters) -> dict[str, np.ndarray]:
    """Leaves by a readable path: "layer 1 W" for [0].W, "block 1 kernel" for ["blocks"][0]["kernel"]."""
    return {
        " ".join(_step_name(step) for step in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _step_name(step: Any) -> str:
    if isinstance(step, jax.tree_util.SequenceKey):
        return f"layer {step.idx + 1}"
    name = getattr(step, "name", getattr(step, "key", step))
    return str(name + 1) if isinstance(name, int) else LAYERS.get(str(name), str(name))


def cast(point: Point, dtype: DTypeLike) -> Point:
    """The point with its parameters, inputs and targets in this dtype."""
    parameters, X, targets = jax.tree.map(
        lambda leaf: jnp.asarray(leaf).astype(dtype), (point.parameters, point.X, point.targets)
    )
    return evolve(point, parameters=parameters, X=X, targets=targets)
