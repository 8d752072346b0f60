"""2-D convolution, differentiable, with hand-written gradients; `dispatch` chooses the algorithm."""

import jax
import jax.numpy as jnp

from fmnist_jax.ops.dispatch import dispatch_backward, dispatch_forward, use_im2col
from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, OpaqueOne, Outputs, opaque_one
from fmnist_jax.ops.im2col import im2col_conv, im2col_conv_backward
from fmnist_jax.ops.pooling import Windows, split_windows, split_windows_backward
from fmnist_jax.ops.winograd import winograd_windows, winograd_windows_backward
from fmnist_jax.ops.xla import xla_conv, xla_conv_backward, xla_conv_vjp


def convolution(x: Maps, kernel: Kernel, geometry: Geometry) -> Outputs:
    """y[o,i,j,n] = sum over u, v, c of kernel[u,v,c,o] x[c, i s + u - p, j s + v - p, n].

    s is the stride, p is `geometry.pad_before`; x is 0 outside its borders.
    """
    return _convolution(x, kernel, opaque_one(x), geometry)


def conv(x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry) -> Outputs:
    """`convolution` for callers who run the backward themselves, with the same `one`."""
    forward = im2col_conv if use_im2col(x, kernel, geometry) else xla_conv
    return dispatch_forward(forward, xla_conv, x, kernel, one, geometry=geometry)


def conv_backward(
    x: Maps, kernel: Kernel, one: OpaqueOne, dy: Outputs, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """(dx, dkernel)."""
    backward = im2col_conv_backward if use_im2col(x, kernel, geometry) else xla_conv_backward
    return dispatch_backward(backward, xla_conv_vjp, (x, kernel, one), dy, geometry)


def _vjp_backward(
    geometry: Geometry, residuals: tuple[Maps, Kernel, OpaqueOne], dy: Outputs
) -> tuple[Maps, Kernel, OpaqueOne]:
    x, kernel, one = residuals
    dx, dkernel = conv_backward(x, kernel, one, dy, geometry)
    return dx, dkernel, jnp.zeros_like(one)  # the opaque 1 is a constant


_convolution = jax.custom_vjp(conv, nondiff_argnums=(3,))
_convolution.defvjp(
    lambda x, kernel, one, geometry: (conv(x, kernel, one, geometry), (x, kernel, one)),
    _vjp_backward,
)


def convolution_windows(x: Maps, kernel: Kernel, geometry: Geometry) -> Windows:
    """`split_windows(convolution(...))` at stride 1 and an even output size, on a CPU by Winograd.

    Call it only where `use_winograd_in_training` is true.
    """
    return _convolution_windows(x, kernel, opaque_one(x), geometry)


def conv_windows(x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry) -> Windows:
    """`convolution_windows` for callers who run the backward themselves, with the same `one`."""
    return dispatch_forward(winograd_windows, _xla_windows, x, kernel, one, geometry=geometry)


def conv_windows_backward(
    x: Maps, kernel: Kernel, one: OpaqueOne, dY: Windows, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """(dx, dkernel)."""
    return dispatch_backward(
        winograd_windows_backward, _xla_windows_vjp, (x, kernel, one), dY, geometry
    )


def _vjp_windows_backward(
    geometry: Geometry, residuals: tuple[Maps, Kernel, OpaqueOne], dY: Windows
) -> tuple[Maps, Kernel, OpaqueOne]:
    x, kernel, one = residuals
    dx, dkernel = conv_windows_backward(x, kernel, one, dY, geometry)
    return dx, dkernel, jnp.zeros_like(one)


_convolution_windows = jax.custom_vjp(conv_windows, nondiff_argnums=(3,))
_convolution_windows.defvjp(
    lambda x, kernel, one, geometry: (conv_windows(x, kernel, one, geometry), (x, kernel, one)),
    _vjp_windows_backward,
)


def _xla_windows(x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry) -> Windows:
    return split_windows(xla_conv(x, kernel, one, geometry))


def _xla_windows_vjp(
    x: Maps, kernel: Kernel, one: OpaqueOne, dY: Windows, geometry: Geometry
) -> tuple[Maps, Kernel]:
    return xla_conv_vjp(x, kernel, one, split_windows_backward(dY), geometry)
