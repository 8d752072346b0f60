"""2-D convolution of maps (channels, height, width, batch): one operation, lowered as each platform likes.

On GPU and TPU it is XLA's own convolution (`native`). On a CPU XLA's own has gradients many times slower
inside a loop (`lax.scan`), so there it is made of matrix products, forward and backward: the fewest are
Winograd's (`winograd`), where 2x2 pooling follows; elsewhere there are `patches`. Where the patches of many
channels would be too large for the caches it is XLA's own on a CPU too, its gradients written as forward
convolutions, which are fast in loops. What serves in inference alone is put together in `block`.

The lowering is chosen when a program is compiled for its platform, not when it is traced. With the batch
innermost, every copy, sum and maximum on a CPU runs over whole vectors, and the matrix products are wide.
What gave what, and what else was tried: `experiments/benchmarks/convnets.py`.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from fmnist_jax.ops.geometry import Geometry, Kernel, One, hidden_one
from fmnist_jax.ops.im2col import by_patches, by_patches_backward, patch_bytes
from fmnist_jax.ops.pooling import Maps, Windows, window, window_backward
from fmnist_jax.ops.winograd import TAPS, winograd, winograd_backward
from fmnist_jax.ops.xla import native, native_backward, native_vjp

CACHED = 32 * 2**20
"""Bytes of patches from which on a CPU does without them: 40 MB paid so, 15 MB did not."""

FEW = 16
"""Channels below which XLA's own convolution is slow on a CPU: an epoch of `fmnist-jax train small-cnn`,
batches of 1024, takes 3.2 times as long with 0 here (JAX 0.12: 1.6); with 16 channels it is level.
Winograd's products don't pay for fewer either."""

Residuals = tuple[Maps, Kernel, One]


def convolution(x: Maps, kernel: Kernel, geometry: Geometry) -> Maps:
    """y[o,i,j,n] = sum over u, v, c of kernel[u,v,c,o] x[c, i s + u - p, j s + v - p, n], s the stride.

    With p = `geometry.before` and x taken as 0 outside.
    """
    return _convolution(x, kernel, hidden_one(x), geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _convolution(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Maps:
    forward = by_patches if patches_pay(x, kernel, geometry) else native
    return by_platform(forward, native, x, kernel, one, geometry=geometry)


def _convolution_backward(
    geometry: Geometry, residuals: Residuals, dy: Maps
) -> tuple[Maps, Kernel, One]:
    x, kernel, one = residuals
    backward = by_patches_backward if patches_pay(x, kernel, geometry) else native_backward
    dx, dkernel = by_platform(backward, native_vjp, *residuals, dy, geometry=geometry)
    return dx, dkernel, jnp.zeros_like(one)  # the 1 is no variable


_convolution.defvjp(
    lambda x, kernel, one, geometry: (_convolution(x, kernel, one, geometry), (x, kernel, one)),
    _convolution_backward,
)


def windowed_convolution(x: Maps, kernel: Kernel, geometry: Geometry) -> Windows:
    """`window(convolution(...))` at stride 1 for an even size, by Winograd's products on a CPU.

    It serves where `winograd_pays_in_training`.
    """
    return _windowed_convolution(x, kernel, hidden_one(x), geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _windowed_convolution(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Windows:
    return by_platform(winograd, _native_windows, x, kernel, one, geometry=geometry)


def _windowed_convolution_backward(
    geometry: Geometry, residuals: Residuals, dY: Windows
) -> tuple[Maps, Kernel, One]:
    dx, dkernel = by_platform(
        winograd_backward, _native_windows_vjp, *residuals, dY, geometry=geometry
    )
    return dx, dkernel, jnp.zeros_like(residuals[2])


_windowed_convolution.defvjp(
    lambda x, kernel, one, geometry: (
        _windowed_convolution(x, kernel, one, geometry),
        (x, kernel, one),
    ),
    _windowed_convolution_backward,
)


def by_platform(
    cpu: Callable[..., Any], default: Callable[..., Any], *arrays: Any, **fixed: Any
) -> Any:
    """`cpu(*arrays, **fixed)` in a program for CPUs, `default` of the same in others."""
    return lax.platform_dependent(
        *arrays,
        cpu=functools.partial(cpu, **fixed),
        default=functools.partial(default, **fixed),
    )


def _native_windows(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Windows:
    return window(native(x, kernel, one, geometry))


def _native_windows_vjp(
    x: Maps, kernel: Kernel, one: One, dY: Windows, geometry: Geometry
) -> tuple[Maps, Kernel]:
    return native_vjp(x, kernel, one, window_backward(dY), geometry)


def winograd_pays(x: Maps, kernel: Kernel) -> bool:
    """Whether a CPU does best, in inference, where kernels are transformed once, by Winograd's products."""
    return x.shape[0] >= FEW and kernel.shape[0] in TAPS


def winograd_pays_in_training(x: Maps, kernel: Kernel, geometry: Geometry) -> bool:
    """The same where each step has new kernels to transform: not for an image's single window."""
    return winograd_pays(x, kernel) and geometry.size > 2


def patches_pay(x: Maps, kernel: Kernel, geometry: Geometry) -> bool:
    """Whether a CPU does better with patches: with a stride or few channels, whatever their size."""
    cheap = geometry.stride > 1 or x.shape[0] < FEW
    return cheap or patch_bytes(x, kernel, geometry) <= CACHED
