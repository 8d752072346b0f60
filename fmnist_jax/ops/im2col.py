"""Convolution by im2col: one product of the kernel with a matrix of input patches, forward and backward."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, OpaqueOne, Outputs, pad_input

Patches = Float[Array, "taps_and_channels outputs"]


def im2col_conv(x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry) -> Outputs:
    """Y = K^T P with the patches P of `im2col`."""
    live = live_taps(kernel.shape[0], x.shape[1], geometry)
    Y = _kernel_matrix(kernel, live).T @ im2col(x, one, live, geometry)
    return Y.reshape(-1, geometry.output_size, geometry.output_size, x.shape[-1])


def im2col_conv_backward(
    x: Maps, kernel: Kernel, one: OpaqueOne, dy: Outputs, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """dK = P dY^T and dP = K dY, from which dx; returns (dx, dkernel).

    P is recomputed; XLA's common-subexpression elimination merges it with the forward pass.
    """
    live = live_taps(kernel.shape[0], x.shape[1], geometry)
    dY = dy.reshape(dy.shape[0], -1)
    dK = im2col(x, one, live, geometry) @ dY.T
    dead = (live.start, kernel.shape[0] - live.stop)
    dkernel = jnp.pad(
        dK.reshape(len(live), len(live), *kernel.shape[2:]), (dead, dead, (0, 0), (0, 0))
    )
    dP = _kernel_matrix(kernel, live) @ dY
    return im2col_backward(dP, x, live, geometry), dkernel


def im2col(x: Maps, one: OpaqueOne, live: range, geometry: Geometry) -> Patches:
    """P: a row for each live tap (u, v) and channel, a column for each output, batch included."""
    stride, _, size = geometry
    x = pad_input(x, live.stop, geometry)
    span = (size - 1) * stride + 1
    # Stacked in two steps, this is one loop to XLA; concatenated in one step, patches are written twice.
    rows = [
        jnp.stack([x[:, u : u + span : stride, v : v + span : stride] * one for v in live])
        for u in live
    ]
    return jnp.stack(rows).reshape(-1, size**2 * x.shape[-1])


def im2col_backward(dP: Patches, x: Maps, live: range, geometry: Geometry) -> Maps:
    """dx (col2im): the gradients of all taps, added where each tap read x."""
    size, batch = geometry.output_size, x.shape[-1]
    dtaps = iter(dP.reshape(len(live) ** 2, -1, size, size, batch))
    dx = jnp.zeros_like(x)
    for u in live:
        for v in live:
            dx = dx + _tap_backward(next(dtaps), (u, v), x.shape[1], geometry)
    return dx


def _tap_backward(
    dtap: Float[Array, "channels rows columns batch"],
    tap: tuple[int, int],
    height: int,
    geometry: Geometry,
) -> Float[Array, "channels _ _ batch"]:
    """dx of one tap: dtap at the positions that the tap reads, 0 elsewhere."""
    stride, before, size = geometry
    span = (size - 1) * stride + 1
    rows, columns = ((t - before, height - span - t + before, stride - 1) for t in tap)
    return lax.pad(dtap, jnp.zeros((), dtap.dtype), ((0, 0, 0), rows, columns, (0, 0, 0)))


def im2col_bytes(x: Maps, kernel: Kernel, geometry: Geometry) -> int:
    """Size of a batch's patch matrix."""
    taps = len(live_taps(kernel.shape[0], x.shape[1], geometry)) ** 2
    channels, *_, batch = x.shape
    return taps * channels * geometry.output_size**2 * batch * x.dtype.itemsize


def live_taps(taps: int, height: int, geometry: Geometry) -> range:
    """Along one axis, the taps that ever read the input; the others read padding, and their gradient is 0.

    A 3x3 kernel on a 1x1 input has one live tap of nine.
    """
    stride, before, size = geometry
    live = [
        tap
        for tap in range(taps)
        if any(0 <= output * stride + tap - before < height for output in range(size))
    ]
    return range(live[0], live[-1] + 1)


def _kernel_matrix(kernel: Kernel, live: range) -> Float[Array, "taps_and_channels filters"]:
    """K: the kernel's live taps as the rows of a matrix."""
    taps = slice(live.start, live.stop)
    return kernel[taps, taps].reshape(-1, kernel.shape[-1])
