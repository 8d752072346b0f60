"""XLA's own convolution and its gradients: the lowering on GPU and TPU, and a CPU's for many patches."""

import jax
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Geometry, Kernel, One
from fmnist_jax.ops.pooling import Maps


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
