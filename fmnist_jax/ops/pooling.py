"""Poolings of a convolution's outputs (filters, rows, columns, batch)."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Outputs

Pooled = Float[Array, "filters pooled_rows pooled_columns batch"]
Windows = tuple[Pooled, Pooled, Pooled, Pooled]
"""Outputs by their position in each 2x2 window: upper left, upper right, lower left, lower right."""


def split_windows(x: Outputs) -> Windows:
    """The four positions of each 2x2 window, stride 2; an odd last row or column is dropped."""
    x = x[:, : round_to_even(x.shape[1]), : round_to_even(x.shape[2])]
    return x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]


def split_windows_backward(dY: Windows) -> Outputs:
    """dx for an even height and width: each entry at its position."""
    a, b, c, d = (position[:, :, None, :, None] for position in dY)
    is_lower = jnp.arange(2).reshape(1, 1, 2, 1, 1, 1) == 1
    is_right = jnp.arange(2).reshape(1, 1, 1, 1, 2, 1) == 1
    dx = jnp.where(is_lower, jnp.where(is_right, d, c), jnp.where(is_right, b, a))
    return dx.reshape(a.shape[0], 2 * a.shape[1], 2 * a.shape[3], a.shape[5])


@jax.custom_vjp
def window_max(a: Pooled, b: Pooled, c: Pooled, d: Pooled) -> Pooled:
    """The largest entry of each window."""
    return jnp.maximum(jnp.maximum(a, b), jnp.maximum(c, d))


def window_max_backward(residuals: Windows, dy: Pooled) -> Windows:
    """dy for the window's largest entry, for the first one (row by row) of equals; 0 for the others."""
    a, b, c, y = residuals
    is_a, is_b, is_c = a == y, b == y, c == y
    zero = jnp.zeros((), dy.dtype)
    return (
        jnp.where(is_a, dy, zero),
        jnp.where(~is_a & is_b, dy, zero),
        jnp.where(~(is_a | is_b) & is_c, dy, zero),
        jnp.where(is_a | is_b | is_c, zero, dy),
    )


def _window_max_forward(a: Pooled, b: Pooled, c: Pooled, d: Pooled) -> tuple[Pooled, Windows]:
    y = window_max(a, b, c, d)
    return y, (a, b, c, y)


window_max.defvjp(_window_max_forward, window_max_backward)


def window_mean(a: Pooled, b: Pooled, c: Pooled, d: Pooled) -> Pooled:
    """The mean of each window."""
    return 0.25 * ((a + b) + (c + d))


@jax.custom_vjp
def max_pool(x: Outputs) -> Pooled:
    """The largest entry of each 2x2 window, stride 2; an odd last row or column is dropped."""
    return window_max(*split_windows(x))


def max_pool_backward(x: Outputs, dy: Pooled) -> tuple[Outputs]:
    """dx = dy at each window's largest entry, at the first one (row by row) of equals; 0 elsewhere."""
    a, b, c, d = split_windows(x)
    y = window_max(a, b, c, d)
    first = jnp.where(a == y, 0, jnp.where(b == y, 1, jnp.where(c == y, 2, 3)))
    position = jnp.arange(4).reshape(1, 1, 2, 1, 2, 1)
    is_first = first[:, :, None, :, None] == position
    dx = jnp.where(is_first, dy[:, :, None, :, None], jnp.zeros((), dy.dtype))
    dx = dx.reshape(x.shape[0], round_to_even(x.shape[1]), round_to_even(x.shape[2]), x.shape[3])
    return (jnp.pad(dx, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0))),)


max_pool.defvjp(lambda x: (max_pool(x), x), max_pool_backward)


def average_pool(x: Outputs) -> Pooled:
    """The mean of each 2x2 window, stride 2; an odd last row or column is dropped."""
    return window_mean(*split_windows(x))


def global_average_pool(x: Outputs) -> Float[Array, "filters 1 1 batch"]:
    """The mean of each whole map."""
    return x.mean(axis=(1, 2), keepdims=True)


def no_pool(x: Outputs) -> Outputs:
    """Return x."""
    return x


@dataclass(frozen=True)
class Pooling:
    """A pooling of square maps."""

    name: str
    forward: Callable[[Outputs], Pooled]
    size: Callable[[int], int]
    """Maps the height (or width) of the input to that of the result."""
    used: Callable[[int], int]
    """Maps the number of input rows (or columns) to how many of them count; 0 if there are too few."""
    forward_windows: Callable[[Pooled, Pooled, Pooled, Pooled], Pooled] | None = None
    """`forward` from `split_windows` of the input; None for a pooling that is not of 2x2 windows."""


def half(size: int) -> int:
    """size / 2, rounded down."""
    return size // 2


def round_to_even(size: int) -> int:
    """The largest even number up to size."""
    return size // 2 * 2


def always_one(size: int) -> int:
    """1, whatever the size."""
    return 1


def same(size: int) -> int:
    """Return size."""
    return size


MAX = Pooling("max", max_pool, half, round_to_even, window_max)
AVERAGE = Pooling("avg", average_pool, half, round_to_even, window_mean)
GLOBAL = Pooling("global", global_average_pool, always_one, same)
NONE = Pooling("none", no_pool, same, same)

POOLINGS = {pooling.name: pooling for pooling in (MAX, AVERAGE, GLOBAL, NONE)}
"""All poolings by the name that files and command lines use: a new one is defined here and added here."""
