"""Convolution on a CPU as a matrix product of the kernel with patches, forward and backward."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Geometry, Kernel, One, padded
from fmnist_jax.ops.pooling import Maps

Patches = Float[Array, "taps*inputs size*size*batch"]


def by_patches(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Maps:
    """The convolution as a matrix product, Y = K^T P with the patches P of `patches`."""
    live = live_taps(kernel.shape[0], x.shape[1], geometry)
    Y = _matrix(kernel, live).T @ patches(x, one, live, geometry)
    return Y.reshape(-1, geometry.size, geometry.size, x.shape[-1])


def by_patches_backward(
    x: Maps, kernel: Kernel, one: One, dy: Maps, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """dK = P dY^T and dP = K dY, from which dx; returns (dx, dkernel).

    P is written down anew: a compiler that sees forward and backward in one program computes it once.
    """
    live = live_taps(kernel.shape[0], x.shape[1], geometry)
    dY = dy.reshape(dy.shape[0], -1)
    dK = patches(x, one, live, geometry) @ dY.T
    dead = (live.start, kernel.shape[0] - live.stop)
    dkernel = jnp.pad(
        dK.reshape(len(live), len(live), *kernel.shape[2:]), (dead, dead, (0, 0), (0, 0))
    )
    dP = _matrix(kernel, live) @ dY
    return patches_backward(dP, x, live, geometry), dkernel


def patch_bytes(x: Maps, kernel: Kernel, geometry: Geometry) -> int:
    """Of all patches of a batch."""
    taps = len(live_taps(kernel.shape[0], x.shape[1], geometry)) ** 2
    channels, *_, batch = x.shape
    return taps * channels * geometry.size**2 * batch * x.dtype.itemsize


def live_taps(taps: int, height: int, geometry: Geometry) -> range:
    """Along one axis, the taps that ever see the map; the others see zeros, and their gradient is 0.

    A 3x3 kernel on a 1x1 map has a single live one of nine.
    """
    stride, before, size = geometry
    live = [
        tap
        for tap in range(taps)
        if any(0 <= output * stride + tap - before < height for output in range(size))
    ]
    return range(live[0], live[-1] + 1)


def patches(x: Maps, one: One, live: range, geometry: Geometry) -> Patches:
    """For each live tap (u, v), x as that tap sees it; rows are taps and channels, columns outputs."""
    stride, _, size = geometry
    x = padded(x, live.stop, geometry)
    reach = (size - 1) * stride + 1
    # Times a 1 that the compiler can't see through: mere copies it would leave to one core. Stacked in two
    # steps they are one loop to it; all at once, each is written twice.
    rows = [
        jnp.stack([x[:, u : u + reach : stride, v : v + reach : stride] * one for v in live])
        for u in live
    ]
    return jnp.stack(rows).reshape(-1, size**2 * x.shape[-1])


def patches_backward(dP: Patches, x: Maps, live: range, geometry: Geometry) -> Maps:
    """dx: what each tap saw, added up at the place where it saw it."""
    size, batch = geometry.size, x.shape[-1]
    parts = iter(dP.reshape(len(live) ** 2, -1, size, size, batch))
    dx = jnp.zeros_like(x)
    for u in live:
        for v in live:
            dx = dx + _seen_backward(next(parts), u, v, x.shape[1], geometry)
    return dx


def _seen_backward(dseen: Maps, u: int, v: int, height: int, geometry: Geometry) -> Maps:
    """dx of one tap: dseen at the places that it was seen at, 0 elsewhere."""
    stride, before, size = geometry
    reach = (size - 1) * stride + 1

    def put(tap: int) -> tuple[int, int, int]:
        return tap - before, height - reach - tap + before, stride - 1

    return lax.pad(dseen, jnp.zeros((), dseen.dtype), ((0, 0, 0), put(u), put(v), (0, 0, 0)))


def _matrix(kernel: Kernel, live: range) -> Float[Array, "taps*inputs filters"]:
    """K: the kernel's live taps as the rows of a matrix."""
    taps = slice(live.start, live.stop)
    return kernel[taps, taps].reshape(-1, kernel.shape[-1])
