"""XLA's own convolution and its gradients: for GPU and TPU, and on a CPU for large inputs."""

import jax
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, OpaqueOne, Outputs


def xla_conv(x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry) -> Outputs:
    """The convolution by XLA; `one` is not used, so that all algorithms have the same arguments."""
    stride, before, size = geometry
    after = (size - 1) * stride + kernel.shape[0] - before - x.shape[1]
    return _batch_last(_conv_batch_first(_batch_first(x), kernel, stride, (before, after)))


def xla_conv_backward(
    x: Maps, kernel: Kernel, one: OpaqueOne, dy: Outputs, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """(dx, dkernel) at stride 1 by forward convolutions, which are fast in loops on a CPU.

    dx is dy convolved with the kernel rotated by 180 degrees, its channels and filters swapped. dkernel is
    x convolved with dy, where channels and batch swap their roles.
    """
    _, before, size = geometry
    k, height = kernel.shape[0], x.shape[1]
    rotated = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    dx_sides = (k - 1 - before, height - size + before)
    dx = _conv_batch_first(_batch_first(dy), rotated, 1, dx_sides)
    dkernel_sides = (before, size - 1 + k - before - height)
    dkernel = _conv_batch_first(x, dy.transpose(1, 2, 3, 0), 1, dkernel_sides)
    return _batch_last(dx), dkernel.transpose(1, 2, 0, 3)


def xla_conv_vjp(
    x: Maps, kernel: Kernel, one: OpaqueOne, dy: Outputs, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """(dx, dkernel) by XLA's own gradients."""
    return jax.vjp(lambda x, kernel: xla_conv(x, kernel, one, geometry), x, kernel)[1](dy)


def _conv_batch_first(
    x: Float[Array, "batch height width channels"],
    kernel: Float[Array, "kernel_height kernel_width channels filters"],
    stride: int,
    sides: tuple[int, int],
) -> Float[Array, "batch rows columns filters"]:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [sides] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _batch_first(
    x: Float[Array, "channels height width batch"],
) -> Float[Array, "batch height width channels"]:
    return x.transpose(3, 1, 2, 0)


def _batch_last(
    x: Float[Array, "batch height width channels"],
) -> Float[Array, "channels height width batch"]:
    return x.transpose(3, 1, 2, 0)
