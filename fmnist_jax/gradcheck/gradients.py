"""The gradients that a check compares, at one point: by hand, by `jax.grad`, by central differences."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, DTypeLike, Float, Int, Key

from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import Inputs, Labels, Logits, MLPConfig, Parameters

ValueAndGrad = Callable[
    [Parameters, Inputs, Labels, MLPConfig, Key[Array, ""] | None],
    tuple[tuple[Float[Array, ""], Logits], Parameters],
]
"""`mlp.value_and_grad`, or one's own in its place."""

STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
"""h = 6.1e-6 (times |p| above 1), where truncation h^2 and rounding eps/h are about equal."""

ROUNDINGS = 4
"""Rounding floor, absolute, of a gradient: this many eps of its dtype; of a central difference:
this many eps (|L| + max|logit|) / h more, about 1e-9."""

SLOPE_JUMP = 1e-3
"""A change of g'(Z) between the two sides that only a kink makes: a smooth g' moves by about h."""


@dataclass(frozen=True)
class Gradients:
    """The gradients at one point in one dtype, leaves by path."""

    by_hand: dict[str, np.ndarray]
    autodiff: dict[str, np.ndarray]
    slopes: tuple[np.ndarray, ...]
    """g'(Z) of each hidden layer."""
    problem: str
    """What is wrong with the structure of the gradient by hand."""


def gradients_at(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    key: Key[Array, ""] | None,
    config: MLPConfig,
    value_and_grad: ValueAndGrad,
) -> Gradients:
    """By hand, which is `value_and_grad`, and by `jax.grad`, in the dtype of `parameters` and `X`."""
    made = _gradients(parameters, X, labels, key, config, value_and_grad)
    by_hand, autodiff, slopes = jax.device_get(made)
    found, expected = jax.tree.structure(by_hand), jax.tree.structure(autodiff)
    problem = "" if found == expected else f"the gradient is a {found}, expected {expected}"
    return Gradients(_by_path(by_hand), _by_path(autodiff), slopes, problem)


@partial(jax.jit, static_argnames=("config", "value_and_grad"))
def _gradients(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    key: Key[Array, ""] | None,
    config: MLPConfig,
    value_and_grad: ValueAndGrad,
) -> tuple[Parameters, Parameters, tuple[Array, ...]]:
    """(by hand, by `jax.grad`, g'(Z)), in one program so that all see the same Z at a kink."""
    _, by_hand = value_and_grad(parameters, X, labels, config, key)
    autodiff, _ = jax.grad(mlp.objective, has_aux=True)(parameters, X, labels, config, key)
    _, cache = mlp.forward(parameters, X, config, key)
    return by_hand, autodiff, _activation_slopes(cache, config)


@partial(jax.jit, static_argnames=("config",))
def central_differences(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    key: Key[Array, ""] | None,
    indices: Int[Array, " entries"],
    config: MLPConfig,
) -> tuple[Float[Array, " entries"], Bool[Array, " entries"], Float[Array, " entries"]]:
    """(differences, whether a kink was crossed, rounding floors) at indices of the flat tree."""
    flat, unravel = ravel_pytree(parameters)

    def side(at: tuple[Array, Array]) -> tuple[Array, tuple[Array, ...], Array]:
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
        return (losses[1] - losses[0]) / (sides[1] - sides[0]), jump(below, above), floor

    return jax.lax.map(difference, indices)


def _activation_slopes(cache: mlp.Cache, config: MLPConfig) -> tuple[Array, ...]:
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


def cast(tree: Any, dtype: DTypeLike) -> Any:
    """The tree with every leaf in this dtype."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(dtype), tree)
