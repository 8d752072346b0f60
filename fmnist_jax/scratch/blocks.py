"""Blocks of a convolutional network from scratch: convolution, batch normalisation, pooling."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fmnist_jax.scratch.batch_norm import (
    BatchNorm,
    Moments,
    batch_norm_train,
    batch_norm_train_backward,
)
from fmnist_jax.scratch.conv import Conv, Filtered, conv, conv_backward
from fmnist_jax.scratch.pooling import POOLINGS, Pooled, Pooling
from fmnist_jax.scratch.windows import Maps, Padding

Layer = dict[str, Float[Array, "..."]]
"""{"kernel", "bias"}; of a block with batch normalisation {"kernel", "gamma", "beta"}."""

Outputs = Any
"""Of a block's convolution: maps, or a tuple of maps, one for each position in a pooling's windows."""


@runtime_checkable
class ConvBlock(Protocol):
    """The linear parts of a block, each with its backward: plain in `Block`, fast in `ops.fast_block`."""

    @property
    def shortcut(self) -> int:
        """How many blocks back, this one included, the input is that is added before the activation."""
        ...

    def convolve(self, x: Maps, layer: Conv) -> tuple[Outputs, Any]:
        """Z = kernel * x + bias, and what `convolve_backward` needs."""
        ...

    def convolve_backward(self, dZ: Outputs, residuals: Any, layer: Conv) -> tuple[Conv, Maps]:
        """(dkernel and dbias, dx)."""
        ...

    def pool(self, A: Outputs) -> Maps:
        """The pooled maps."""
        ...

    def pool_backward(self, dy: Maps, A: Outputs) -> Outputs:
        """dA."""
        ...


class Block(NamedTuple):
    """A convolution, the activation of the network, and a pooling; sizes are those of the parameters."""

    stride: int = 1
    padding: Padding = (0, 0)
    """Zeros before and after each row and column."""
    pooling: Pooling = POOLINGS["max"]
    shortcut: int = 0
    """1 adds the block's own input before the activation, 2 that of the block before, 0 nothing."""

    def convolve(self, x: Maps, layer: Conv) -> tuple[Filtered, Maps]:
        """(Z = kernel * x + bias, x)."""
        return conv(x, layer, self.stride, self.padding), x

    def convolve_backward(self, dZ: Filtered, residuals: Maps, layer: Conv) -> tuple[Conv, Maps]:
        """(dkernel and dbias, dx)."""
        return conv_backward(dZ, residuals, layer, self.stride, self.padding)

    def pool(self, A: Maps) -> Pooled:
        """The pooled maps."""
        return self.pooling.forward(A)

    def pool_backward(self, dy: Pooled, A: Maps) -> Maps:
        """dA."""
        return self.pooling.backward(dy, A)


def conv_of(layer: Layer) -> Conv:
    """The convolution's parameters; with batch normalisation its bias is 0, since beta takes its place."""
    if "gamma" in layer:
        return Conv(layer["kernel"], jnp.zeros_like(layer["beta"]))
    return Conv(layer["kernel"], layer["bias"])


def normalise(Z: Outputs, layer: Layer) -> tuple[Outputs, tuple[Moments, ...]]:
    """(gamma xhat(Z) + beta, the batch's moments); Z without batch normalisation."""
    if "gamma" not in layer:
        return Z, ()
    Y, moments = batch_norm_train(_stack(Z), BatchNorm(layer["gamma"], layer["beta"]))
    return _unstack(Y, Z), (moments,)


def normalise_backward(dY: Outputs, Z: Outputs, layer: Layer) -> tuple[Layer, Outputs]:
    """({dgamma, dbeta}, dZ); ({}, dY) without batch normalisation."""
    if "gamma" not in layer:
        return {}, dY
    norm = BatchNorm(layer["gamma"], layer["beta"])
    gradient, dZ = batch_norm_train_backward(_stack(dY), _stack(Z), norm)
    return gradient._asdict(), _unstack(dZ, Z)


def _stack(Z: Outputs) -> Float[Array, "filters parts rows columns batch"]:
    """The maps of each filter together: one part, or one for each position in a pooling's windows."""
    return jnp.stack(jax.tree.leaves(Z), axis=1)


def _unstack(Y: Float[Array, "filters parts rows columns batch"], like: Outputs) -> Outputs:
    """The parts in the structure that `_stack` was given."""
    parts = [Y[:, part] for part in range(Y.shape[1])]
    return jax.tree.unflatten(jax.tree.structure(like), parts)
