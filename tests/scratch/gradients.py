"""Comparisons of a hand-written backward with `jax.vjp`, for layers of any signature."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import numpy as np

from tests.compiling import quick_jit

TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
"""Largest error by dtype, relative to the largest entry of each leaf."""


def draw(shape: tuple[int, ...], dtype: str, seed: int = 0) -> jax.Array:
    """Normal values."""
    values = np.random.default_rng((seed, *shape)).standard_normal(shape)
    return jax.numpy.asarray(values, dtype)


def worst_error(found: Any, expected: Any) -> float:
    """max|a - b| / max|b| of the worst leaf; infinite where shapes, dtypes or structures differ."""
    try:
        chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
    except AssertionError:
        return float("inf")
    errors = [0.0]
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        scale = abs(b).max(initial=0.0)
        error = abs(a - b).max(initial=0.0)
        errors.append(error / scale if scale else error)
    return max(errors)


def backward_error(forward: Callable, backward: Callable, dtype: str, *shapes: Any) -> float:
    """`worst_error` of backward(dy, *arguments) against `jax.vjp` of forward at drawn arguments.

    `shapes` are pytrees of shapes (tuples within NamedTuples); the result of `backward` must have the
    structure of the arguments' tuple, in their order.
    """
    with jax.enable_x64(True):
        leaves, structure = jax.tree.flatten(shapes, is_leaf=_is_shape)
        drawn = [draw(shape, dtype, seed) for seed, shape in enumerate(leaves)]
        arguments = jax.tree.unflatten(structure, drawn)

        @quick_jit
        def both(arguments, dy):
            return backward(dy, *arguments), jax.vjp(forward, *arguments)[1](dy)

        y = jax.eval_shape(forward, *arguments)
        found, expected = both(arguments, draw(y.shape, dtype, 99))
        chex.assert_tree_all_finite((found, expected))
        return worst_error(found, expected)


def _is_shape(node: Any) -> bool:
    return type(node) is tuple and all(isinstance(length, int) for length in node)
