"""Which algorithm computes a convolution: by platform, and on a CPU by shape.

GPU and TPU use XLA's own convolution. On a CPU its gradients are many times slower inside `lax.scan`, so a
CPU uses matrix products, forward and backward: Winograd's algorithm where 2x2 pooling follows, im2col
elsewhere, and XLA's own convolution where the patches of im2col would not fit the caches. The measurements
behind each rule are in `docs/benchmarks.md`.
"""

import functools
from collections.abc import Callable
from typing import Any

from jax import lax
from jax.sharding import PartitionSpec

from fmnist_jax.devices.mesh import BATCH, REPLICATED, divides, map_parts
from fmnist_jax.ops.direct import MAX_DIRECT_TAPS
from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, OpaqueOne
from fmnist_jax.ops.im2col import im2col_bytes
from fmnist_jax.ops.winograd import SUPPORTED_TAPS

MAX_IM2COL_BYTES = 32 * 2**20
"""Largest patch matrix for which a CPU uses im2col."""

MIN_GEMM_CHANNELS = 16
"""Fewest input channels for which a CPU may use Winograd's algorithm or XLA's own convolution."""

MAPS = PartitionSpec(None, None, None, BATCH)
"""How devices share maps: each has some images of the batch, the last axis."""


def platform_dispatch(
    cpu: Callable[..., Any], default: Callable[..., Any], *arrays: Any, **static: Any
) -> Any:
    """Call `cpu(*arrays, **static)` in programs compiled for a CPU, `default` in all others.

    The choice is made when a program is compiled for its platform, not when it is traced.
    """
    return lax.platform_dependent(
        *arrays,
        cpu=functools.partial(cpu, **static),
        default=functools.partial(default, **static),
    )


def dispatch_forward(
    cpu: Callable[..., Any], default: Callable[..., Any], x: Maps, *weights: Any, **static: Any
) -> Any:
    """`platform_dispatch` of a function of maps that returns maps; many devices share the batch."""

    def compute(*arrays: Any) -> Any:
        return platform_dispatch(cpu, default, *arrays, **static)

    if not divides(x.shape[-1]):
        return compute(x, *weights)
    return map_parts(compute, (MAPS, *[REPLICATED] * len(weights)), MAPS)(x, *weights)


def dispatch_backward(
    cpu: Callable[..., Any],
    default: Callable[..., Any],
    residuals: tuple[Maps, Kernel, OpaqueOne],
    dy: Any,
    geometry: Geometry,
) -> tuple[Maps, Kernel]:
    """`platform_dispatch` of a convolution's backward, (dx, dkernel); many devices share the batch."""

    def compute(*arrays: Any) -> tuple[Maps, Kernel]:
        return platform_dispatch(cpu, default, *arrays, geometry=geometry)

    if not divides(residuals[0].shape[-1]):
        return compute(*residuals, dy)

    def compute_part(*arrays: Any) -> tuple[Maps, Kernel]:
        dx, dkernel = compute(*arrays)
        return dx, lax.psum(dkernel, BATCH)

    inputs = (MAPS, REPLICATED, REPLICATED, MAPS)
    return map_parts(compute_part, inputs, (MAPS, REPLICATED))(*residuals, dy)


def use_im2col(x: Maps, kernel: Kernel, geometry: Geometry) -> bool:
    """Whether a CPU uses im2col rather than XLA's own convolution."""
    strided_or_thin = geometry.stride > 1 or x.shape[0] < MIN_GEMM_CHANNELS
    return strided_or_thin or im2col_bytes(x, kernel, geometry) <= MAX_IM2COL_BYTES


def use_winograd(channels: int, taps: int) -> bool:
    """Whether a CPU uses Winograd's algorithm for inference; it requires 2x2 pooling and stride 1."""
    return channels >= MIN_GEMM_CHANNELS and taps in SUPPORTED_TAPS


def use_winograd_in_training(channels: int, taps: int, geometry: Geometry) -> bool:
    """Whether it does so in training, where each step transforms new kernels: not for a single window."""
    return use_winograd(channels, taps) and geometry.output_size > 2


def winograd_tile_outputs(kernel: Kernel, geometry: Geometry) -> int:
    """Outputs along a tile's axis for inference: 4 need fewer products than 2 but more additions."""
    return 4 if kernel.shape[0] == max(SUPPORTED_TAPS) and geometry.output_size > 2 else 2


def use_direct(x: Maps, kernel: Kernel) -> bool:
    """Whether a CPU uses the direct sum over taps for inference: for one channel and small kernels."""
    return x.shape[0] == 1 and kernel.shape[0] <= MAX_DIRECT_TAPS
