"""Blocks of `scratch.convnet` with fast convolutions: the same chain rule as `scratch.blocks.Block`.

A block with Winograd's algorithm keeps its outputs by their position in each 2x2 window, which is how that
algorithm computes them.
"""

from dataclasses import dataclass

from jaxtyping import Array, Float

from fmnist_jax.ops.conv import conv, conv_backward, conv_windows, conv_windows_backward
from fmnist_jax.ops.dispatch import use_winograd_in_training
from fmnist_jax.ops.geometry import Geometry, Maps, OpaqueOne, Outputs, opaque_one
from fmnist_jax.ops.pooling import Pooled, Pooling, Windows
from fmnist_jax.scratch.blocks import ConvBlock
from fmnist_jax.scratch.conv import Conv

Residuals = tuple[Maps, OpaqueOne]
"""The block's inputs, and the opaque 1 that lets XLA build their patches once."""


@dataclass(frozen=True)
class FastBlock:
    """A block whose convolution returns maps."""

    geometry: Geometry
    pooling: Pooling
    shortcut: int = 0
    """As in `scratch.blocks.Block`."""

    def convolve(self, x: Maps, layer: Conv) -> tuple[Outputs, Residuals]:
        """Z = kernel * x + bias."""
        one = opaque_one(x)
        Z = conv(x, layer.kernel, one, self.geometry)
        return Z + _per_filter(layer), (x, one)

    def convolve_backward(
        self, dZ: Outputs, residuals: Residuals, layer: Conv
    ) -> tuple[Conv, Maps]:
        """dkernel, dbias = sum of dZ, dx."""
        x, one = residuals
        dx, dkernel = conv_backward(x, layer.kernel, one, dZ, self.geometry)
        return Conv(dkernel, dZ.sum(axis=(1, 2, 3))), dx

    def pool(self, A: Outputs) -> Pooled:
        """The pooled maps."""
        return self.pooling.forward(A)

    def pool_backward(self, dy: Pooled, A: Outputs) -> Outputs:
        """dA."""
        return self.pooling.backward(dy, A)


@dataclass(frozen=True)
class FastWindowsBlock:
    """A block whose convolution returns the four positions of each 2x2 window."""

    geometry: Geometry
    pooling: Pooling

    @property
    def shortcut(self) -> int:
        """No shortcut: it would have to be split into windows, too."""
        return 0

    def convolve(self, x: Maps, layer: Conv) -> tuple[Windows, Residuals]:
        """Z = kernel * x + bias."""
        one = opaque_one(x)
        a, b, c, d = conv_windows(x, layer.kernel, one, self.geometry)
        bias = _per_filter(layer)
        return (a + bias, b + bias, c + bias, d + bias), (x, one)

    def convolve_backward(
        self, dZ: Windows, residuals: Residuals, layer: Conv
    ) -> tuple[Conv, Maps]:
        """dkernel, dbias = sum of dZ, dx."""
        x, one = residuals
        dx, dkernel = conv_windows_backward(x, layer.kernel, one, dZ, self.geometry)
        a, b, c, d = (position.sum(axis=(1, 2, 3)) for position in dZ)
        return Conv(dkernel, (a + b) + (c + d)), dx

    def pool(self, A: Windows) -> Pooled:
        """The pooled maps."""
        assert self.pooling.forward_windows is not None
        return self.pooling.forward_windows(*A)

    def pool_backward(self, dy: Pooled, A: Windows) -> Windows:
        """dA."""
        assert self.pooling.backward_windows is not None
        return self.pooling.backward_windows(dy, *A)


def fast_block(
    channels: int, taps: int, geometry: Geometry, pooling: Pooling, shortcut: int = 0
) -> ConvBlock:
    """Choose the block by its sizes, as `ops.conv_block` does for training."""
    pools_windows = geometry.stride == 1 and pooling.forward_windows is not None
    if pools_windows and not shortcut and use_winograd_in_training(channels, taps, geometry):
        return FastWindowsBlock(geometry, pooling)
    return FastBlock(geometry, pooling, shortcut)


def _per_filter(layer: Conv) -> Float[Array, "filters 1 1 1"]:
    return layer.bias[:, None, None, None]
