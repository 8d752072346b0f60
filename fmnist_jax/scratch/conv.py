"""The convolution Z = kernel * x + bias as a matrix product with patches, with its backward beneath it.

Maps are (channels, height, width, batch), kernels (height, width, inputs, filters). As in all deep-learning
libraries the kernel is not flipped, so strictly this is a cross-correlation. `fmnist_jax.ops` has faster
versions of the same function for training.
"""

from typing import NamedTuple

from jaxtyping import Array, Float

from fmnist_jax.scratch.windows import (
    Maps,
    Padding,
    Windows,
    pad,
    pad_backward,
    windows,
    windows_backward,
)

Kernel = Float[Array, "kernel_height kernel_width inputs filters"]
Filtered = Float[Array, "filters out_height out_width batch"]


class Conv(NamedTuple):
    """The parameters of one convolution, or their gradients."""

    kernel: Kernel
    bias: Float[Array, " filters"]


def conv(x: Maps, layer: Conv, stride: int = 1, padding: Padding = (0, 0)) -> Filtered:
    """Convolve maps with a kernel and add a bias to each filter.

    With s the stride and p the zeros before each row and column, and x = 0 outside:

        Z[f, i, j, n] = bias[f] + sum over u, v, c of kernel[u, v, c, f] x[c, i s + u - p, j s + v - p, n]

    Written with matrices, Z = K^T P + bias: a column of P is what the kernel covers at one output of one
    image, and a column of K is one filter.

    Args:
        x: Maps (channels, height, width, batch).
        layer: Kernel (height, width, channels, filters) and bias (filters,).
        stride: Distance of neighbouring outputs in rows and columns of x.
        padding: Zeros before and after each row and column.

    Returns:
        Z (filters, out_height, out_width, batch) with
        out_height = (height + sum(padding) - kernel height) // stride + 1.

    Examples:
        >>> import jax.numpy as jnp
        >>> x = jnp.arange(9.0).reshape(1, 3, 3, 1)
        >>> layer = Conv(kernel=jnp.ones((2, 2, 1, 1)), bias=jnp.array([0.5]))
        >>> conv(x, layer)[0, :, :, 0].tolist()
        [[8.5, 12.5], [20.5, 24.5]]

    References:
        K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document
        processing, IWFHR 2006.
    """
    height, width, _, filters = layer.kernel.shape
    covered = windows(pad(x, padding), (height, width), stride)
    K, P = _matrices(layer.kernel, covered)
    Z = (K.T @ P).reshape(filters, *covered.shape[2:])
    return Z + layer.bias[:, None, None, None]


def conv_backward(
    dZ: Filtered, x: Maps, layer: Conv, stride: int = 1, padding: Padding = (0, 0)
) -> tuple[Conv, Maps]:
    """Return dK = P dZ^T and dbias = sum of dZ, and dP = K dZ, from which dx.

    An entry of x is in several columns of P, so its gradient is the sum over them. For stride 1 this sum is
    a convolution of dZ with the flipped kernel.

    Args:
        dZ: Gradient of the loss with respect to Z (filters, out_height, out_width, batch).
        x: Maps of the forward pass (channels, height, width, batch).
        layer: Its parameters.
        stride: As in the forward pass.
        padding: As in the forward pass.

    Returns:
        (dkernel and dbias as a `Conv`, dx).

    References:
        Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998.
    """
    padded = pad(x, padding)
    height, width, *_ = layer.kernel.shape
    covered = windows(padded, (height, width), stride)
    K, P = _matrices(layer.kernel, covered)
    dZ_rows = dZ.reshape(dZ.shape[0], -1)
    dkernel = (P @ dZ_rows.T).reshape(layer.kernel.shape)
    dP = (K @ dZ_rows).reshape(covered.shape)
    dx = pad_backward(windows_backward(dP, padded, (height, width), stride), padding)
    return Conv(dkernel, dZ.sum(axis=(1, 2, 3))), dx


def _matrices(
    kernel: Kernel, covered: Windows
) -> tuple[Float[Array, "taps*inputs filters"], Float[Array, "taps*inputs positions"]]:
    """K, a filter a column, and P, a patch a column."""
    rows = kernel.shape[0] * kernel.shape[1] * kernel.shape[2]
    return kernel.reshape(rows, -1), covered.reshape(rows, -1)
