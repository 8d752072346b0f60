"""A convolutional network from scratch: blocks of convolution, activation and pooling, then dense layers.

The parameters are those of the Flax modules in `fmnist_jax.models`, so that either gradient can train them.
Nothing here uses autodiff: `backward` is the chain rule written out. All functions are pure; `network` must
be static under `jax.jit`.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jaxtyping import Array, Float

from fmnist_jax.config.model import Piecewise, Targets
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.conv import Conv, Filtered, conv, conv_backward
from fmnist_jax.scratch.dense import Dense, dense, dense_backward
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss
from fmnist_jax.scratch.pooling import POOLINGS, Pooled, Pooling
from fmnist_jax.scratch.windows import Maps, Padding

Images = Float[Array, "batch height width"]
Units = Float[Array, "batch units"]
Logits = Float[Array, "batch classes"]

Parameters = dict[str, Any]
"""{"blocks": {0: {"kernel", "bias"}, ...}, "dense": {0: {"kernel", "bias"}, ...}}."""


Outputs = Any
"""Of a block's convolution: maps, or a tuple of maps, one for each position in a pooling's windows."""


@runtime_checkable
class ConvBlock(Protocol):
    """The linear parts of a block, each with its backward: plain in `Block`, fast in `ops.fast_block`."""

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


class ConvNet(NamedTuple):
    """What the parameters do not determine."""

    blocks: tuple[ConvBlock, ...]
    activation: Activation = RELU
    """After every convolution and every hidden dense layer."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY


class BlockCache(NamedTuple):
    """Values of one block that `backward` needs."""

    residuals: Any
    """What the convolution's backward needs: its inputs x."""
    Z: Outputs
    """Of its convolution."""
    A: Outputs
    """A = g(Z), before the pooling."""


class Cache(NamedTuple):
    """Values of the forward pass that `backward` needs."""

    blocks: tuple[BlockCache, ...]
    last: Maps
    """The maps of the last block, before they are flattened."""
    A: tuple[Units, ...]
    """The inputs of each dense layer: the features, then the activations of each hidden layer."""
    Z: tuple[Units, ...]
    """Z of each hidden dense layer; Z of the last layer are the logits."""


def forward(parameters: Parameters, images: Images, network: ConvNet) -> tuple[Logits, Cache]:
    """Run the forward pass.

    Each block computes Z = kernel * x + bias, A = g(Z), and pools A. The last maps of each image are its
    features; each hidden dense layer computes A = g(A W + b), the last one the logits.

    Args:
        parameters: {"blocks": ..., "dense": ...}; kernels are (height, width, inputs, filters) in blocks
            and (inputs, units) in dense layers.
        images: Scaled images (batch, height, width).
        network: Strides, paddings, poolings, activation.

    Returns:
        (logits (batch, classes), cache for `backward`).

    Examples:
        >>> import jax.numpy as jnp
        >>> parameters = {
        ...     "blocks": {0: {"kernel": jnp.ones((3, 3, 1, 2)), "bias": jnp.zeros(2)}},
        ...     "dense": {0: {"kernel": jnp.ones((2, 10)), "bias": jnp.zeros(10)}},
        ... }
        >>> logits, cache = forward(parameters, jnp.ones((5, 4, 4)), ConvNet((Block(),)))
        >>> logits.shape, cache.blocks[0].Z.shape, cache.A[0].shape
        ((5, 10), (2, 2, 2, 5), (5, 2))
    """
    g = network.activation.forward
    x, blocks = images.transpose(1, 2, 0)[None], []
    for index, block in enumerate(network.blocks):
        Z, residuals = block.convolve(x, _conv(parameters, index))
        blocks.append(BlockCache(residuals, Z, jax.tree.map(g, Z)))
        x = block.pool(blocks[-1].A)
    A = _flatten(x)
    As, Zs = [A], []
    for index in range(len(parameters["dense"]) - 1):
        Zs.append(dense(A, _dense(parameters, index)))
        A = g(Zs[-1])
        As.append(A)
    logits = dense(A, _dense(parameters, len(Zs)))
    return logits, Cache(tuple(blocks), x, tuple(As), tuple(Zs))


def backward(
    dlogits: Logits, parameters: Parameters, cache: Cache, network: ConvNet
) -> tuple[Parameters, Images]:
    """Run the backward pass, from dL/dlogits to the gradients of all parameters and of the images.

    The layers of `forward` in reverse order, each with its own backward.

    Args:
        dlogits: dL/dlogits (batch, classes).
        parameters: As in `forward`.
        cache: As `forward` returned it for these parameters.
        network: As in `forward`.

    Returns:
        (gradients in the structure of the parameters, dL/dimages (batch, height, width)).

    References:
        Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998.
    """
    dense_gradients: dict[int, Any] = {}
    last = len(cache.Z)
    gradient, dA = dense_backward(dlogits, cache.A[last], _dense(parameters, last))
    dense_gradients[last] = {"kernel": gradient.W, "bias": gradient.b}
    for index in reversed(range(last)):
        dZ = network.activation.backward(dA, cache.Z[index])
        gradient, dA = dense_backward(dZ, cache.A[index], _dense(parameters, index))
        dense_gradients[index] = {"kernel": gradient.W, "bias": gradient.b}
    dx = _flatten_backward(dA, cache.last)
    block_gradients: dict[int, Any] = {}
    for index, block in reversed(list(enumerate(network.blocks))):
        residuals, Z, A = cache.blocks[index]
        dA = block.pool_backward(dx, A)
        dZ = jax.tree.map(network.activation.backward, dA, Z)
        gradient, dx = block.convolve_backward(dZ, residuals, _conv(parameters, index))
        block_gradients[index] = {"kernel": gradient.kernel, "bias": gradient.bias}
    return {"blocks": block_gradients, "dense": dense_gradients}, dx[0].transpose(2, 0, 1)


def objective(
    parameters: Parameters, images: Images, targets: Targets, network: ConvNet
) -> tuple[Float[Array, ""], Logits]:
    """Return (the mean loss over the batch, the logits); arguments as for `value_and_grad`."""
    logits, _ = forward(parameters, images, network)
    return network.loss.forward(logits, targets).mean(), logits


def value_and_grad(
    parameters: Parameters, images: Images, targets: Targets, network: ConvNet
) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
    """Return the mean loss and its hand-written gradient.

    The result has the form of `jax.value_and_grad(objective, has_aux=True)`.

    Args:
        parameters: As in `forward`.
        images: Scaled images (batch, height, width).
        targets: One distribution over the classes a row (batch, classes).
        network: Strides, paddings, poolings, activation and loss.

    Returns:
        ((loss, logits (batch, classes)), gradients in the structure of the parameters).
    """
    logits, cache = forward(parameters, images, network)
    loss = network.loss.forward(logits, targets).mean()
    gradients, _ = backward(network.loss.backward(logits, targets), parameters, cache, network)
    return (loss, logits), gradients


def piecewise(parameters: Parameters, images: Images, network: ConvNet) -> tuple[Piecewise, ...]:
    """Return all functions in which the objective may have a kink; arguments as for `forward`.

    A unit that its pooling ignores has no effect, so an activation stands together with its pooling.
    """
    _, cache = forward(parameters, images, network)
    g = network.activation.forward
    found = []
    for block, (_, Z, A) in zip(network.blocks, cache.blocks, strict=True):
        found.append(Piecewise(block.pool, A))
        found.append(Piecewise(lambda Z, pool=block.pool: pool(jax.tree.map(g, Z)), Z))
    return (*found, *(Piecewise(g, Z) for Z in cache.Z))


def _conv(parameters: Parameters, index: int) -> Conv:
    layer = parameters["blocks"][index]
    return Conv(layer["kernel"], layer["bias"])


def _dense(parameters: Parameters, index: int) -> Dense:
    layer = parameters["dense"][index]
    return Dense(layer["kernel"], layer["bias"])


def _flatten(x: Maps) -> Units:
    """The maps of each image as a row: channels, then rows, then columns."""
    channels, height, width, batch = x.shape
    return x.reshape(channels * height * width, batch).T


def _flatten_backward(dA: Units, x: Maps) -> Maps:
    """dx: the rows in the shape of the maps."""
    return dA.T.reshape(x.shape)
