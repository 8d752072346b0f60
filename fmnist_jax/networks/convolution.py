"""2-D convolution of maps (channels, height, width, batch): one operation, two lowerings.

On GPU and TPU it is XLA's own convolution. On a CPU it is a matrix product of the kernel with patches,
forward and backward, because XLA's CPU convolutions have gradients many times slower inside a loop
(`lax.scan`); where the patches of many channels would be too large for the caches it is XLA's own there
too, its gradients written as forward convolutions, which are fast in loops. The lowering is chosen when
a program is compiled for its platform, not when it is traced.

With the batch innermost, every copy, sum and maximum on a CPU runs over whole vectors, and the matrix
products are wide. What else was tried, and gave what: `experiments/throughput_networks.py`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.networks.pooling import Maps

Kernel = Float[Array, "height width inputs filters"]
One = Float[Array, ""]
Patches = Float[Array, "taps*inputs size*size*batch"]


class Geometry(NamedTuple):
    """Where the taps of a square kernel fall: output i sees input i * stride + u - before at tap u."""

    stride: int
    before: int
    """Zeros before each row and column; behind it there are as many as the outputs need."""
    size: int
    """Height and width of the output."""


CACHED = 32 * 2**20
"""Bytes of patches from which on a CPU does without them: 40 MB paid so, 15 MB did not."""

FEW = 16
"""Channels below which XLA's own convolution is slow on a CPU: an epoch of `fmnist-jax train small-cnn`,
batches of 1024, takes 3.2 times as long with 0 here (JAX 0.12: 1.6); with 16 channels it is level."""


def convolution(x: Maps, kernel: Kernel, stride: int, before: int, size: int) -> Maps:
    """y[o,i,j,n] = sum over u, v, c of kernel[u,v,c,o] x[c, i s + u - p, j s + v - p, n], s = stride.

    With p = `before` and x taken as 0 outside. Returns maps of `size` x `size`.
    """
    # A 1 that the compiler can't see through; see `patches`. Forward and backward share it, so that
    # the compiler finds their patches equal and computes them once.
    one = lax.optimization_barrier(jnp.ones((), x.dtype))
    return _convolution(x, kernel, one, Geometry(stride, before, size))


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _convolution(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Maps:
    forward = by_patches if patches_pay(x, kernel, geometry) else native
    return lax.platform_dependent(
        x,
        kernel,
        one,
        cpu=functools.partial(forward, geometry=geometry),
        default=functools.partial(native, geometry=geometry),
    )


def _convolution_backward(
    geometry: Geometry, residuals: tuple[Maps, Kernel, One], dy: Maps
) -> tuple[Maps, Kernel, One]:
    x, kernel, one = residuals
    backward = by_patches_backward if patches_pay(x, kernel, geometry) else native_backward
    dx, dkernel = lax.platform_dependent(
        x,
        kernel,
        one,
        dy,
        cpu=functools.partial(backward, geometry=geometry),
        default=functools.partial(native_vjp, geometry=geometry),
    )
    return dx, dkernel, jnp.zeros_like(one)  # the 1 is no variable


_convolution.defvjp(
    lambda x, kernel, one, geometry: (_convolution(x, kernel, one, geometry), (x, kernel, one)),
    _convolution_backward,
)


def patches_pay(x: Maps, kernel: Kernel, geometry: Geometry) -> bool:
    """Whether a CPU does better with patches: with a stride or few channels, whatever their size."""
    cheap = geometry.stride > 1 or x.shape[0] < FEW
    return cheap or patch_bytes(x, kernel, geometry) <= CACHED


def patch_bytes(x: Maps, kernel: Kernel, geometry: Geometry) -> int:
    """Of all patches of a batch."""
    taps = len(live_taps(kernel.shape[0], x.shape[1], geometry)) ** 2
    channels, *_, batch = x.shape
    return taps * channels * geometry.size**2 * batch * x.dtype.itemsize


def native(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Maps:
    """The convolution by XLA's own, in the order of axes that it has fast programs for."""
    stride, before, size = geometry
    after = (size - 1) * stride + kernel.shape[0] - before - x.shape[1]
    return _batch_last(_convolve(_batch_first(x), kernel, stride, before, after))


def native_vjp(
    x: Maps, kernel: Kernel, one: One, dy: Maps, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """(dx, dkernel) by XLA's own gradients."""
    return jax.vjp(lambda x, kernel: native(x, kernel, one, geometry), x, kernel)[1](dy)


def native_backward(
    x: Maps, kernel: Kernel, one: One, dy: Maps, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """(dx, dkernel) at stride 1, as forward convolutions.

    dx is dy convolved with the kernel turned by 180 degrees, inputs and filters exchanged. dkernel is x
    convolved with dy, the channels in the batch's place, the batch in the channels' place.
    """
    _, before, size = geometry
    k, height = kernel.shape[0], x.shape[1]
    turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    dx = _convolve(_batch_first(dy), turned, 1, k - 1 - before, height - size + before)
    dkernel = _convolve(x, dy.transpose(1, 2, 3, 0), 1, before, size - 1 + k - before - height)
    return _batch_last(dx), dkernel.transpose(1, 2, 0, 3)


def _convolve(
    x: Float[Array, "batch height width channels"],
    kernel: Kernel,
    stride: int,
    before: int,
    after: int,
) -> Float[Array, "batch height width filters"]:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [(before, after)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _batch_first(x: Maps) -> Float[Array, "batch height width channels"]:
    return x.transpose(3, 1, 2, 0)


def _batch_last(x: Float[Array, "batch height width channels"]) -> Maps:
    return x.transpose(3, 1, 2, 0)


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
    # Times a 1 that the compiler can't see through: mere copies it would leave to one core.
    seen = [_seen(x, u, v, geometry) * one for u in live for v in live]
    return jnp.concatenate(seen).reshape(-1, geometry.size**2 * x.shape[-1])


def patches_backward(dP: Patches, x: Maps, live: range, geometry: Geometry) -> Maps:
    """dx: what each tap saw, added up at the place where it saw it."""
    size, batch = geometry.size, x.shape[-1]
    parts = iter(dP.reshape(len(live) ** 2, -1, size, size, batch))
    dx = jnp.zeros_like(x)
    for u in live:
        for v in live:
            dx = dx + _seen_backward(next(parts), u, v, x.shape[1], geometry)
    return dx


def _seen(x: Maps, u: int, v: int, geometry: Geometry) -> Maps:
    """x[c, i stride + u - before, j stride + v - before, n] for all outputs i, j; 0 outside."""
    stride, before, size = geometry
    reach = (size - 1) * stride + 1

    def cut(tap: int) -> tuple[int, int, int]:
        return before - tap, reach + tap - before - x.shape[1], 0

    seen = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), cut(u), cut(v), (0, 0, 0)))
    return seen[:, ::stride, ::stride]


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
