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


def window_max_backward(dy: Pooled, a: Pooled, b: Pooled, c: Pooled, d: Pooled) -> Windows:
    """dy for the window's largest entry, for the first one (row by row) of equals; 0 for the others."""
    y = window_max(a, b, c, d)
    is_a, is_b, is_c = a == y, b == y, c == y
    zero = jnp.zeros((), dy.dtype)
    return (
        jnp.where(is_a, dy, zero),
        jnp.where(~is_a & is_b, dy, zero),
        jnp.where(~(is_a | is_b) & is_c, dy, zero),
        jnp.where(is_a | is_b | is_c, zero, dy),
    )


window_max.defvjp(
    lambda *windows: (window_max(*windows), windows),
    lambda windows, dy: window_max_backward(dy, *windows),
)


def window_mean(a: Pooled, b: Pooled, c: Pooled, d: Pooled) -> Pooled:
    """The mean of each window."""
    return 0.25 * ((a + b) + (c + d))


def window_mean_backward(dy: Pooled, a: Pooled, b: Pooled, c: Pooled, d: Pooled) -> Windows:
    """dy / 4 for each entry."""
    share = 0.25 * dy
    return share, share, share, share


@jax.custom_vjp
def max_pool(x: Outputs) -> Pooled:
    """The largest entry of each 2x2 window, stride 2; an odd last row or column is dropped."""
    return window_max(*split_windows(x))


def max_pool_backward(dy: Pooled, x: Outputs) -> Outputs:
    """dx = dy at each window's largest entry, at the first one (row by row) of equals; 0 elsewhere."""
    a, b, c, d = split_windows(x)
    y = window_max(a, b, c, d)
    first = jnp.where(a == y, 0, jnp.where(b == y, 1, jnp.where(c == y, 2, 3)))
    position = jnp.arange(4).reshape(1, 1, 2, 1, 2, 1)
    is_first = first[:, :, None, :, None] == position
    dx = jnp.where(is_first, dy[:, :, None, :, None], jnp.zeros((), dy.dtype))
    return _with_dropped(dx, x)


max_pool.defvjp(lambda x: (max_pool(x), x), lambda x, dy: (max_pool_backward(dy, x),))


def average_pool(x: Outputs) -> Pooled:
    """The mean of each 2x2 window, stride 2; an odd last row or column is dropped."""
    return window_mean(*split_windows(x))


def average_pool_backward(dy: Pooled, x: Outputs) -> Outputs:
    """dx = dy / 4 in each entry of a window; 0 in a row or column that was dropped."""
    channels, rows, columns, batch = dy.shape
    share = (0.25 * dy)[:, :, None, :, None]
    return _with_dropped(jnp.broadcast_to(share, (channels, rows, 2, columns, 2, batch)), x)


def _with_dropped(
    dx: Float[Array, "filters pooled_rows 2 pooled_columns 2 batch"], x: Outputs
) -> Outputs:
    """The gradients of all windows in the shape of x, with 0 in its odd last row and column."""
    filters, rows, columns, batch = x.shape
    dx = dx.reshape(filters, round_to_even(rows), round_to_even(columns), batch)
    return jnp.pad(dx, ((0, 0), (0, rows % 2), (0, columns % 2), (0, 0)))


def global_average_pool(x: Outputs) -> Float[Array, "filters 1 1 batch"]:
    """The mean of each whole map."""
    return x.mean(axis=(1, 2), keepdims=True)


def global_average_pool_backward(dy: Float[Array, "filters 1 1 batch"], x: Outputs) -> Outputs:
    """dx = dy / (rows * columns) in each entry."""
    return jnp.broadcast_to(dy / (x.shape[1] * x.shape[2]), x.shape)


def no_pool(x: Outputs) -> Outputs:
    """Return x."""
    return x


def no_pool_backward(dy: Outputs, x: Outputs) -> Outputs:
    """dx = dy."""
    return dy


@dataclass(frozen=True)
class Pooling:
    """A pooling of square maps."""

    name: str
    forward: Callable[[Outputs], Pooled]
    backward: Callable[[Pooled, Outputs], Outputs]
    """(dy, x) to dx."""
    size: Callable[[int], int]
    """Maps the height (or width) of the input to that of the result."""
    used: Callable[[int], int]
    """Maps the number of input rows (or columns) to how many of them count; 0 if there are too few."""
    forward_windows: Callable[[Pooled, Pooled, Pooled, Pooled], Pooled] | None = None
    """`forward` from `split_windows` of the input; None for a pooling that is not of 2x2 windows."""
    backward_windows: Callable[[Pooled, Pooled, Pooled, Pooled, Pooled], Windows] | None = None
    """(dy, a, b, c, d) to the gradients of the four windows; None where `forward_windows` is."""


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


MAX = Pooling(
    "max", max_pool, max_pool_backward, half, round_to_even, window_max, window_max_backward
)
AVERAGE = Pooling(
    "avg",
    average_pool,
    average_pool_backward,
    half,
    round_to_even,
    window_mean,
    window_mean_backward,
)
GLOBAL = Pooling("global", global_average_pool, global_average_pool_backward, always_one, same)
NONE = Pooling("none", no_pool, no_pool_backward, same, same)

POOLINGS = {pooling.name: pooling for pooling in (MAX, AVERAGE, GLOBAL, NONE)}
"""All poolings by the name that files and command lines use: a new one is defined here and added here."""
