"""Pooling of maps (channels, height, width, batch); each a value that a block holds in its field."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Maps = Float[Array, "channels height width batch"]


Windows = tuple[Maps, Maps, Maps, Maps]
"""Maps by their place in each 2x2 window: upper left, upper right, lower left, lower right."""


def window(x: Maps) -> Windows:
    """The four places of each 2x2 window, stride 2; an odd last row or column is dropped."""
    x = x[:, : even(x.shape[1]), : even(x.shape[2])]
    return x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]


def window_backward(dY: Windows) -> Maps:
    """dx of an even height and width: each entry back at its place."""
    a, b, c, d = (place[:, :, None, :, None] for place in dY)
    is_lower = jnp.arange(2).reshape(1, 1, 2, 1, 1, 1) == 1
    is_right = jnp.arange(2).reshape(1, 1, 1, 1, 2, 1) == 1
    dx = jnp.where(is_lower, jnp.where(is_right, d, c), jnp.where(is_right, b, a))
    return dx.reshape(a.shape[0], 2 * a.shape[1], 2 * a.shape[3], a.shape[5])


@jax.custom_vjp
def largest(a: Maps, b: Maps, c: Maps, d: Maps) -> Maps:
    """The largest of each window."""
    return jnp.maximum(jnp.maximum(a, b), jnp.maximum(c, d))


def largest_backward(residuals: tuple[Maps, ...], dy: Maps) -> Windows:
    """dy for the window's largest, the first one (row by row) where several are, 0 for the others."""
    a, b, c, y = residuals
    is_a, is_b, is_c = a == y, b == y, c == y
    zero = jnp.zeros((), dy.dtype)
    return (
        jnp.where(is_a, dy, zero),
        jnp.where(~is_a & is_b, dy, zero),
        jnp.where(~(is_a | is_b) & is_c, dy, zero),
        jnp.where(is_a | is_b | is_c, zero, dy),
    )


def _largest_forward(a: Maps, b: Maps, c: Maps, d: Maps) -> tuple[Maps, tuple[Maps, ...]]:
    y = largest(a, b, c, d)
    return y, (a, b, c, y)


largest.defvjp(_largest_forward, largest_backward)


def mean(a: Maps, b: Maps, c: Maps, d: Maps) -> Maps:
    """The mean of each window."""
    return 0.25 * ((a + b) + (c + d))


@jax.custom_vjp
def max_pool(x: Maps) -> Maps:
    """The largest of each 2x2 window, stride 2; an odd last row or column is dropped."""
    return largest(*window(x))


def max_pool_backward(x: Maps, dy: Maps) -> tuple[Maps]:
    """dx = dy where x is its window's largest, the first one (row by row) where several are."""
    a, b, c, d = window(x)
    y = largest(a, b, c, d)
    first = jnp.where(a == y, 0, jnp.where(b == y, 1, jnp.where(c == y, 2, 3)))
    place = jnp.arange(4).reshape(1, 1, 2, 1, 2, 1)
    here = first[:, :, None, :, None] == place
    dx = jnp.where(here, dy[:, :, None, :, None], jnp.zeros((), dy.dtype))
    dx = dx.reshape(x.shape[0], even(x.shape[1]), even(x.shape[2]), x.shape[3])
    return (jnp.pad(dx, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0))),)


max_pool.defvjp(lambda x: (max_pool(x), x), max_pool_backward)


def average_pool(x: Maps) -> Maps:
    """The mean of each 2x2 window, stride 2; an odd last row or column is dropped."""
    return mean(*window(x))


def global_average_pool(x: Maps) -> Maps:
    """The mean of each whole map, height and width becoming 1."""
    return x.mean(axis=(1, 2), keepdims=True)


def no_pool(x: Maps) -> Maps:
    """x."""
    return x


@dataclass(frozen=True)
class Pooling:
    """A way to make maps smaller."""

    name: str
    forward: Callable[[Maps], Maps]
    size: Callable[[int], int]
    """Height (or width) of a map to that of the pooled one."""
    used: Callable[[int], int]
    """Of so many rows (or columns), how many it looks at; 0 where the map is too small for it."""
    of_windows: Callable[[Maps, Maps, Maps, Maps], Maps] | None = None
    """`forward` from its maps' `Windows`, where it is made of them."""


def halved(size: int) -> int:
    """size / 2, rounded down."""
    return size // 2


def collapsed(size: int) -> int:
    """1."""
    return 1


def kept(size: int) -> int:
    """size."""
    return size


def even(size: int) -> int:
    """The largest even number up to size."""
    return size // 2 * 2


MAX = Pooling("max", max_pool, halved, even, largest)
AVERAGE = Pooling("avg", average_pool, halved, even, mean)
GLOBAL = Pooling("global", global_average_pool, collapsed, kept)
NONE = Pooling("none", no_pool, kept, kept)

POOLINGS = {pooling.name: pooling for pooling in (MAX, AVERAGE, GLOBAL, NONE)}
