"""Pooling of maps (channels, height, width, batch); each a value that a block holds in its field."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Maps = Float[Array, "channels height width batch"]


@jax.custom_vjp
def max_pool(x: Maps) -> Maps:
    """The largest of each 2x2 window, stride 2; an odd last row or column is dropped."""
    a, b, c, d = _window(x)
    return jnp.maximum(jnp.maximum(a, b), jnp.maximum(c, d))


def max_pool_backward(x: Maps, dy: Maps) -> tuple[Maps]:
    """dx = dy where x is its window's largest, the first one (row by row) where several are."""
    a, b, c, d = _window(x)
    largest = jnp.maximum(jnp.maximum(a, b), jnp.maximum(c, d))
    first = jnp.where(a == largest, 0, jnp.where(b == largest, 1, jnp.where(c == largest, 2, 3)))
    place = jnp.arange(4).reshape(1, 1, 2, 1, 2, 1)
    here = first[:, :, None, :, None] == place
    dx = jnp.where(here, dy[:, :, None, :, None], jnp.zeros((), dy.dtype))
    dx = dx.reshape(x.shape[0], even(x.shape[1]), even(x.shape[2]), x.shape[3])
    return (jnp.pad(dx, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0))),)


max_pool.defvjp(lambda x: (max_pool(x), x), max_pool_backward)


def average_pool(x: Maps) -> Maps:
    """The mean of each 2x2 window, stride 2; an odd last row or column is dropped."""
    a, b, c, d = _window(x)
    return 0.25 * ((a + b) + (c + d))


def global_average_pool(x: Maps) -> Maps:
    """The mean of each whole map, height and width becoming 1."""
    return x.mean(axis=(1, 2), keepdims=True)


def no_pool(x: Maps) -> Maps:
    """x."""
    return x


def _window(x: Maps) -> tuple[Maps, Maps, Maps, Maps]:
    x = x[:, : even(x.shape[1]), : even(x.shape[2])]
    return x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]


@dataclass(frozen=True)
class Pooling:
    """A way to make maps smaller."""

    name: str
    forward: Callable[[Maps], Maps]
    size: Callable[[int], int]
    """Height (or width) of a map to that of the pooled one."""
    used: Callable[[int], int]
    """Of so many rows (or columns), how many it looks at; 0 where the map is too small for it."""


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


MAX = Pooling("max", max_pool, halved, even)
AVERAGE = Pooling("avg", average_pool, halved, even)
GLOBAL = Pooling("global", global_average_pool, collapsed, kept)
NONE = Pooling("none", no_pool, kept, kept)

POOLINGS = {pooling.name: pooling for pooling in (MAX, AVERAGE, GLOBAL, NONE)}
