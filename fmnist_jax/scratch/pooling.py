"""Poolings of maps (channels, height, width, batch), with the backward of each beneath it."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fmnist_jax.scratch.windows import Maps, windows, windows_backward

Pooled = Float[Array, "channels out_height out_width batch"]


def max_pool(x: Maps, size: int = 2, stride: int = 2) -> Pooled:
    """Return the maximum of each size x size window.

    Args:
        x: Maps (channels, height, width, batch).
        size: Height and width of a window.
        stride: Distance of windows; rows and columns that no whole window covers are dropped.

    Returns:
        The pooled maps (channels, out_height, out_width, batch) with
        out_height = (height - size) // stride + 1.

    Examples:
        >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """
    return windows(x, (size, size), stride).max(axis=0)


def max_pool_backward(dy: Pooled, x: Maps, size: int = 2, stride: int = 2) -> Maps:
    """dx: each window gives its dy to its maximum, the first one (row by row) if there are several."""
    covered = windows(x, (size, size), stride)
    taps = jnp.arange(size**2).reshape(-1, 1, 1, 1, 1)
    is_first_maximum = covered.argmax(axis=0)[None] == taps
    dwindows = jnp.where(is_first_maximum, dy[None], jnp.zeros((), dy.dtype))
    return windows_backward(dwindows, x, (size, size), stride)


def average_pool(x: Maps, size: int = 2, stride: int = 2) -> Pooled:
    """Return the mean of each size x size window; arguments and shapes as for `max_pool`.

    Examples:
        >>> average_pool(jnp.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
        [[2.5, 4.5], [10.5, 12.5]]
    """
    return windows(x, (size, size), stride).mean(axis=0)


def average_pool_backward(dy: Pooled, x: Maps, size: int = 2, stride: int = 2) -> Maps:
    """dx: each window gives an equal share, dy / size^2, to its entries."""
    share = jnp.broadcast_to(dy[None] / size**2, (size**2, *dy.shape))
    return windows_backward(share, x, (size, size), stride)


def global_average_pool(x: Maps) -> Float[Array, "channels 1 1 batch"]:
    """Return the mean of each whole map, so that height and width become 1.

    Examples:
        >>> global_average_pool(jnp.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[[[1.5]]]]

    References:
        M. Lin, Q. Chen and S. Yan, Network in network, ICLR 2014.
    """
    return x.mean(axis=(1, 2), keepdims=True)


def global_average_pool_backward(dy: Float[Array, "channels 1 1 batch"], x: Maps) -> Maps:
    """dx = dy / (height * width) in every entry."""
    return jnp.broadcast_to(dy / (x.shape[1] * x.shape[2]), x.shape)


def no_pool(x: Maps) -> Maps:
    """No pooling: x."""
    return x


def no_pool_backward(dy: Maps, x: Maps) -> Maps:
    """dx = dy."""
    return dy


class Pooling(NamedTuple):
    """A pooling with its hand-written backward."""

    name: str
    forward: Callable[[Maps], Pooled]
    backward: Callable[[Pooled, Maps], Maps]
    """(dy, x) to dx."""


POOLINGS = {
    pooling.name: pooling
    for pooling in (
        Pooling("max", max_pool, max_pool_backward),
        Pooling("avg", average_pool, average_pool_backward),
        Pooling("global", global_average_pool, global_average_pool_backward),
        Pooling("none", no_pool, no_pool_backward),
    )
}
"""All poolings by the names of `fmnist_jax.ops.pooling`."""
