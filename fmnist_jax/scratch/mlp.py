"""The multilayer perceptron from scratch: forward pass, backward pass, and the gradient of its objective.

Rows are examples. Report 1 has examples as columns: its Z = W A + b is Z = A W + b here. Nothing here uses
autodiff: `backward` is the chain rule written out. All functions are pure; `config` must be static under
`jax.jit`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Key

from fmnist_jax.config.model import Targets
from fmnist_jax.scratch.batch_norm import Moments
from fmnist_jax.scratch.dense import Dense, dense, dense_backward
from fmnist_jax.scratch.dropout import dropout, dropout_backward, dropout_mask
from fmnist_jax.scratch.l2 import l2_penalty, l2_penalty_backward
from fmnist_jax.scratch.mlp_config import MLPConfig
from fmnist_jax.scratch.normalised_dense import (
    NormalisedDense,
    normalised_dense,
    normalised_dense_backward,
)

Inputs = Float[Array, "batch inputs"]
Logits = Float[Array, "batch classes"]
Units = Float[Array, "batch units"]

Layer = Dense | NormalisedDense
Parameters = tuple[Layer, ...]
"""Hidden layers are `NormalisedDense` with batch normalisation, `Dense` without; the last is `Dense`."""


class Cache(NamedTuple):
    """Values of the forward pass that `backward` needs."""

    A: tuple[Inputs, ...]
    """The inputs of each layer: X, then the activations of each hidden layer after dropout."""
    Z: tuple[Units, ...]
    """Z of each hidden layer; Z of the last layer are the logits."""
    Y: tuple[Units, ...]
    """What the activation of each hidden layer receives: Z, or Z normalised."""
    masks: tuple[Units, ...]
    """The mask of each hidden layer that has dropout, from the first."""
    moments: tuple[Moments, ...]
    """The moments that each hidden layer was normalised by; empty without batch normalisation."""


def init(key: Key[Array, ""], config: MLPConfig, dtype: DTypeLike = jnp.float32) -> Parameters:
    """Draw the initial parameters.

    Args:
        key: A random key, split into one for each layer.
        config: The network.
        dtype: Of all parameters.

    Returns:
        The parameters of each layer, from the inputs to the logits; at first gamma = 1, beta = 0.

    Examples:
        >>> [layer.W.shape for layer in init(jax.random.key(0), MLPConfig((4, 3, 2)))]
        [(4, 3), (3, 2)]
    """
    sizes = config.layer_sizes
    keys = jax.random.split(key, len(sizes) - 1)
    drawn = (
        config.initializer(key, fan_in, fan_out, dtype)
        for key, fan_in, fan_out in zip(keys, sizes[:-1], sizes[1:], strict=True)
    )
    *hidden, last = (Dense(W, b) for W, b in drawn)
    if config.batch_norm:
        ones_and_zeros = ((jnp.ones_like(layer.b), jnp.zeros_like(layer.b)) for layer in hidden)
        normalised = zip(hidden, ones_and_zeros, strict=True)
        hidden = [NormalisedDense(layer.W, gamma, beta) for layer, (gamma, beta) in normalised]
    return *hidden, last


def init_moments(config: MLPConfig) -> tuple[Moments, ...]:
    """Return each hidden layer's running moments before training, mean 0 and variance 1."""
    return tuple(Moments(jnp.zeros(units), jnp.ones(units)) for units in config.layer_sizes[1:-1])


def forward(
    parameters: Parameters,
    X: Inputs,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
    running: Sequence[Moments] | None = None,
) -> tuple[Logits, Cache]:
    """Run the forward pass: Z = A W + b, A = mask * g(Z) in each hidden layer, then the logits.

    With batch normalisation a hidden layer computes Z = A W, Y = gamma xhat(Z) + beta, A = mask * g(Y).

    Args:
        parameters: As `init` draws them.
        X: Inputs (batch, inputs).
        config: The network.
        key: Draws the dropout masks; None means no dropout, as for inference.
        running: The moments of each hidden layer to normalise by, as for inference; None means those
            of the batch.

    Returns:
        (logits (batch, classes), cache for `backward`).

    Examples:
        >>> config = MLPConfig((4, 3, 2))
        >>> logits, cache = forward(init(jax.random.key(0), config), jnp.ones((5, 4)), config)
        >>> logits.shape, [A.shape for A in cache.A]
        ((5, 2), [(5, 4), (5, 3)])
    """
    A, As, Zs, Ys, masks, moments = X, [X], [], [], [], []
    for index, (layer, activation) in enumerate(
        zip(parameters[:-1], config.hidden_activations, strict=True)
    ):
        Z, Y, normalised_by = hidden_layer(A, layer, running[index] if running else None)
        A = activation.forward(Y)
        if key is not None and config.has_dropout(index):
            mask = dropout_mask(jax.random.fold_in(key, index), config.dropout, A)
            A = dropout(A, mask)
            masks.append(mask)
        As.append(A)
        Zs.append(Z)
        Ys.append(Y)
        moments += normalised_by
    logits = dense(A, _last(parameters))
    return logits, Cache(tuple(As), tuple(Zs), tuple(Ys), tuple(masks), tuple(moments))


def backward(
    dlogits: Logits, parameters: Parameters, cache: Cache, config: MLPConfig
) -> tuple[Parameters, Inputs]:
    """Run the backward pass, from dL/dlogits to the gradients of all parameters and of X.

    From the last layer to the first: dW = A^T dZ, db = sum of dZ, dA = dZ W^T; then, below each
    activation, dZ = mask * dA * g'(Z). With batch normalisation this is dY, from which dZ follows.

    Args:
        dlogits: dL/dlogits (batch, classes).
        parameters: As `init` draws them.
        cache: As `forward` returned it for these parameters, normalised by the batch.
        config: The network.

    Returns:
        (gradients in the structure of the parameters, dL/dX (batch, inputs)).

    References:
        D. Rumelhart, G. Hinton and R. Williams, Learning representations by back-propagating errors,
        Nature 323, 1986.
    """
    gradient, dA = dense_backward(dlogits, cache.A[-1], _last(parameters))
    gradients: list[Layer] = [gradient]
    for index in reversed(range(len(parameters) - 1)):
        if index < len(cache.masks):
            dA = dropout_backward(dA, cache.masks[index])
        dY = config.hidden_activations[index].backward(dA, cache.Y[index])
        gradient, dA = hidden_layer_backward(dY, cache.A[index], cache.Z[index], parameters[index])
        gradients.append(gradient)
    return tuple(reversed(gradients)), dA


def hidden_layer(
    A: Inputs, layer: Layer, running: Moments | None
) -> tuple[Units, Units, tuple[Moments, ...]]:
    """Return Z, what the activation receives, and the moments of a normalisation, if there is one."""
    if isinstance(layer, NormalisedDense):
        Z, Y, moments = normalised_dense(A, layer, running)
        return Z, Y, (moments,)
    Z = dense(A, layer)
    return Z, Z, ()


def hidden_layer_backward(dY: Units, A: Inputs, Z: Units, layer: Layer) -> tuple[Layer, Inputs]:
    """Return the gradients of the layer and dA."""
    if isinstance(layer, NormalisedDense):
        return normalised_dense_backward(dY, A, Z, layer)
    return dense_backward(dY, A, layer)


def objective(
    parameters: Parameters,
    X: Inputs,
    targets: Targets,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[Float[Array, ""], Logits]:
    """Return what training minimises: the mean loss over the batch plus c/2 * sum of W^2.

    Args:
        parameters: As `init` draws them.
        X: Inputs (batch, inputs).
        targets: One distribution over the classes a row (batch, classes).
        config: The network.
        key: Draws the dropout masks; None means no dropout.

    Returns:
        (objective, logits (batch, classes)).
    """
    logits, _ = forward(parameters, X, config, key)
    return _objective_of(logits, parameters, targets, config), logits


def value_and_grad(
    parameters: Parameters,
    X: Inputs,
    targets: Targets,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
    """Return the objective and its hand-written gradient.

    The result has the form of `jax.value_and_grad(objective, has_aux=True)`.

    Args:
        parameters: As `init` draws them.
        X: Inputs (batch, inputs).
        targets: One distribution over the classes a row (batch, classes).
        config: The network.
        key: Draws the dropout masks; None means no dropout.

    Returns:
        ((objective, logits (batch, classes)), gradients in the structure of the parameters).

    Examples:
        >>> config = MLPConfig((4, 3, 2))
        >>> parameters = init(jax.random.key(0), config)
        >>> from fmnist_jax.scratch.losses import one_hot
        >>> X, targets = jnp.ones((5, 4)), one_hot(jnp.array([0, 1, 1, 0, 1]), 2)
        >>> (loss, logits), gradients = value_and_grad(parameters, X, targets, config)
        >>> stepped = jax.tree.map(lambda p, dp: p - 0.1 * dp, parameters, gradients)
        >>> bool(objective(stepped, X, targets, config)[0] < loss)
        True
    """
    (loss, logits, _), gradients = forward_and_backward(parameters, X, targets, config, key)
    return (loss, logits), gradients


def forward_and_backward(
    parameters: Parameters,
    X: Inputs,
    targets: Targets,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[tuple[Float[Array, ""], Logits, Cache], Parameters]:
    """Return what `value_and_grad` does, with the cache, whose moments training needs."""
    logits, cache = forward(parameters, X, config, key)
    gradients, _ = backward(config.loss.backward(logits, targets), parameters, cache, config)
    if config.l2:
        gradients = tuple(
            gradient._replace(W=l2_penalty_backward(gradient.W, layer.W, config.l2))
            for gradient, layer in zip(gradients, parameters, strict=True)
        )
    return (_objective_of(logits, parameters, targets, config), logits, cache), gradients


def _last(parameters: Parameters) -> Dense:
    """The last layer, which is never normalised."""
    last = parameters[-1]
    assert isinstance(last, Dense)
    return last


def _objective_of(
    logits: Logits, parameters: Parameters, targets: Targets, config: MLPConfig
) -> Float[Array, ""]:
    loss = config.loss.forward(logits, targets).mean()
    if config.l2:
        loss = loss + l2_penalty((layer.W for layer in parameters), config.l2)
    return loss
