"""A convolutional network from scratch: blocks of convolution, activation and pooling, then dense layers.

A block may normalise its convolution over the batch and add a shortcut before the activation.

The parameters are those of the Flax modules in `fmnist_jax.models`, so that either gradient can train them.
Nothing here uses autodiff: `backward` is the chain rule written out. All functions are pure; `network` must
be static under `jax.jit`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import Piecewise, Targets
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.batch_norm import Moments
from fmnist_jax.scratch.blocks import Block as Block
from fmnist_jax.scratch.blocks import (
    ConvBlock,
    Layer,
    Outputs,
    conv_of,
    normalise,
    normalise_backward,
)
from fmnist_jax.scratch.dense import Dense, dense, dense_backward
from fmnist_jax.scratch.dropout import dropout, dropout_backward, dropout_mask
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss
from fmnist_jax.scratch.residual import (
    residual_add,
    residual_add_backward,
    shortcut,
    shortcut_backward,
)
from fmnist_jax.scratch.windows import Maps

Images = Float[Array, "batch height width"]
Units = Float[Array, "batch units"]
Logits = Float[Array, "batch classes"]

Parameters = dict[str, dict[int, Layer]]
"""{"blocks": {0: ..., 1: ...}, "dense": {0: ..., ...}}, a `Layer` each."""


class ConvNet(NamedTuple):
    """What the parameters do not determine."""

    blocks: tuple[ConvBlock, ...]
    activation: Activation = RELU
    """After every convolution and every hidden dense layer."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    dropout: float = 0.0
    """Probability that training drops an input of a dense layer."""


class BlockCache(NamedTuple):
    """Values of one block that `backward` needs."""

    x: Maps
    """The block's inputs."""
    residuals: Any
    """What the convolution's backward needs."""
    Z: Outputs
    """Of its convolution."""
    Y: Outputs
    """What the activation receives: Z, after batch normalisation and shortcut if there are any."""
    A: Outputs
    """A = g(Y), before the pooling."""
    moments: tuple[Moments, ...]
    """The batch's moments of Z; empty without batch normalisation."""


class Cache(NamedTuple):
    """Values of the forward pass that `backward` needs."""

    blocks: tuple[BlockCache, ...]
    last: Maps
    """The maps of the last block, before they are flattened."""
    A: tuple[Units, ...]
    """The inputs of each dense layer: the features, then the activations of each hidden layer."""
    Z: tuple[Units, ...]
    """Z of each hidden dense layer; Z of the last layer are the logits."""
    masks: tuple[Units, ...]
    """The mask of each dense layer's inputs; empty without dropout."""


def forward(
    parameters: Parameters, images: Images, network: ConvNet, key: Key[Array, ""] | None = None
) -> tuple[Logits, Cache]:
    """Run the forward pass of training.

    Each block computes Z = kernel * x + bias, A = g(Z), and pools A. With batch normalisation
    Z = kernel * x and A = g(gamma xhat(Z) + beta); a shortcut is added to what g receives. The last maps
    of each image are its features; each hidden dense layer computes A = g(A W + b), the last the logits.

    Args:
        parameters: {"blocks": ..., "dense": ...}; kernels are (height, width, inputs, filters) in blocks
            and (inputs, units) in dense layers.
        images: Scaled images (batch, height, width).
        network: Strides, paddings, poolings, shortcuts, activation, dropout.
        key: Draws the dropout masks; None means no dropout.

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
    x, inputs, blocks = images.transpose(1, 2, 0)[None], [], []
    for index, block in enumerate(network.blocks):
        layer = parameters["blocks"][index]
        inputs.append(x)
        Z, residuals = block.convolve(x, conv_of(layer))
        Y, moments = normalise(Z, layer)
        if block.shortcut:
            Y = residual_add(Y, shortcut(inputs[-block.shortcut], *Y.shape[:2]))
        blocks.append(BlockCache(x, residuals, Z, Y, jax.tree.map(g, Y), moments))
        x = block.pool(blocks[-1].A)
    A, As, Zs, masks = _flatten(x), [], [], []
    for index in range(len(parameters["dense"])):
        if key is not None and network.dropout:
            masks.append(dropout_mask(jax.random.fold_in(key, index), network.dropout, A))
            A = dropout(A, masks[-1])
        As.append(A)
        Zs.append(dense(A, _dense(parameters, index)))
        A = g(Zs[-1])
    *Zs, logits = Zs
    return logits, Cache(tuple(blocks), x, tuple(As), tuple(Zs), tuple(masks))


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
    dense_gradients: dict[int, Layer] = {}
    last, dA = len(cache.Z), dlogits
    for index in reversed(range(last + 1)):
        dZ = dA if index == last else network.activation.backward(dA, cache.Z[index])
        gradient, dA = dense_backward(dZ, cache.A[index], _dense(parameters, index))
        dense_gradients[index] = {"kernel": gradient.W, "bias": gradient.b}
        if cache.masks:
            dA = dropout_backward(dA, cache.masks[index])
    dx = _flatten_backward(dA, cache.last)
    block_gradients: dict[int, Layer] = {}
    through_shortcuts: dict[int, Maps] = {}  # by the block whose input it is
    for index, block in reversed(list(enumerate(network.blocks))):
        layer, (_, residuals, Z, Y, A, _) = parameters["blocks"][index], cache.blocks[index]
        dA = block.pool_backward(dx, A)
        dY = jax.tree.map(network.activation.backward, dA, Y)
        if block.shortcut:
            dY, dshortcut = residual_add_backward(dY)
            source = index + 1 - block.shortcut
            dsource = shortcut_backward(dshortcut, cache.blocks[source].x)
            through_shortcuts[source] = (
                through_shortcuts.get(source, jnp.zeros_like(dsource)) + dsource
            )
        norm, dZ = normalise_backward(dY, Z, layer)
        gradient, dx = block.convolve_backward(dZ, residuals, conv_of(layer))
        block_gradients[index] = {"kernel": gradient.kernel, **(norm or {"bias": gradient.bias})}
        if index in through_shortcuts:
            dx = dx + through_shortcuts[index]
    return {"blocks": block_gradients, "dense": dense_gradients}, dx[0].transpose(2, 0, 1)


def objective(
    parameters: Parameters,
    images: Images,
    targets: Targets,
    network: ConvNet,
    key: Key[Array, ""] | None = None,
) -> tuple[Float[Array, ""], Logits]:
    """Return (the mean loss over the batch, the logits); arguments as for `value_and_grad`."""
    logits, _ = forward(parameters, images, network, key)
    return network.loss.forward(logits, targets).mean(), logits


def value_and_grad(
    parameters: Parameters,
    images: Images,
    targets: Targets,
    network: ConvNet,
    key: Key[Array, ""] | None = None,
) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
    """Return the mean loss and its hand-written gradient.

    The result has the form of `jax.value_and_grad(objective, has_aux=True)`.

    Args:
        parameters: As in `forward`.
        images: Scaled images (batch, height, width).
        targets: One distribution over the classes a row (batch, classes).
        network: Strides, paddings, poolings, shortcuts, activation, dropout and loss.
        key: Draws the dropout masks; None means no dropout.

    Returns:
        ((loss, logits (batch, classes)), gradients in the structure of the parameters).
    """
    (loss, logits, _), gradients = forward_and_backward(parameters, images, targets, network, key)
    return (loss, logits), gradients


def forward_and_backward(
    parameters: Parameters,
    images: Images,
    targets: Targets,
    network: ConvNet,
    key: Key[Array, ""] | None = None,
) -> tuple[tuple[Float[Array, ""], Logits, Cache], Parameters]:
    """Return what `value_and_grad` does, with the cache, whose moments training needs."""
    logits, cache = forward(parameters, images, network, key)
    loss = network.loss.forward(logits, targets).mean()
    gradients, _ = backward(network.loss.backward(logits, targets), parameters, cache, network)
    return (loss, logits, cache), gradients


def piecewise(
    parameters: Parameters, images: Images, network: ConvNet, key: Key[Array, ""] | None = None
) -> tuple[Piecewise, ...]:
    """Return all functions in which the objective may have a kink; arguments as for `forward`.

    A unit that its pooling ignores has no effect, so an activation stands together with its pooling.
    """
    _, cache = forward(parameters, images, network, key)
    g = network.activation.forward
    found = []
    for block, kept in zip(network.blocks, cache.blocks, strict=True):
        found.append(Piecewise(block.pool, kept.A))
        found.append(Piecewise(lambda Y, pool=block.pool: pool(jax.tree.map(g, Y)), kept.Y))
    return (*found, *(Piecewise(g, Z) for Z in cache.Z))


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
