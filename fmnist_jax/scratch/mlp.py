"""The multilayer perceptron from scratch: forward pass, backward pass, and the gradient of its objective.

Rows are examples. Report 1 has examples as columns: its Z = W A + b is Z = A W + b here. Nothing here uses
autodiff: `backward` is the chain rule written out. All functions are pure; `config` must be static under
`jax.jit`.
"""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from attrs import field, frozen
from attrs.validators import optional
from jaxtyping import Array, DTypeLike, Float, Key

from fmnist_jax.config.fields import (
    as_float,
    as_int,
    as_tuple,
    each,
    function,
    number,
    of_type,
    whole,
)
from fmnist_jax.config.model import HandWritten, Layer, Model, Targets, Variables
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.dense import Dense, dense, dense_backward, dense_layers
from fmnist_jax.scratch.dropout import dropout, dropout_backward, dropout_mask
from fmnist_jax.scratch.initializers import Initializer, he_normal
from fmnist_jax.scratch.l2 import l2_penalty, l2_penalty_backward
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss

Inputs = Float[Array, "batch inputs"]
Logits = Float[Array, "batch classes"]
Units = Float[Array, "batch units"]

MAX_UNITS = 2**20
"""Largest number of units of a layer: more would need more memory than a machine has."""


def _one_or_more(value: Any) -> Any:
    """A sequence as a tuple; a single activation as a tuple of one."""
    values = as_tuple(value)
    return values if isinstance(values, tuple) else (values,)


@frozen
class MLPConfig:
    """A multilayer perceptron: its layers, activations, regularisation and loss.

    Raises:
        UserError: A field is invalid, or `activations` holds neither one for all hidden layers nor
            one for each.

    Examples:
        >>> config = MLPConfig((784, 128, 10), dropout=0.2)
        >>> config.features, config.classes
        (128, 10)
        >>> MLPConfig((784, 0, 10))
        Traceback (most recent call last):
        fmnist_jax.errors.UserError: layer_sizes[1] must be a whole number from 1 to 1048576, found 0
    """

    layer_sizes: tuple[int, ...] = field(
        default=(784, 128, 10), converter=as_tuple, validator=each(whole(1, MAX_UNITS), least=2)
    )
    """Units of each layer, from the inputs to the classes."""
    activations: tuple[Activation, ...] = field(
        default=(RELU,),
        converter=_one_or_more,
        validator=each(of_type(Activation, "scratch.activations.GELU")),
    )
    """One activation for all hidden layers, or one for each."""
    dropout: float = field(default=0.0, converter=as_float, validator=number(0, below=1))
    """Probability that training drops a hidden activation."""
    initializer: Initializer = field(
        default=he_normal, validator=function("scratch.initializers.he_normal")
    )
    """Draws the initial weights and biases."""
    l2: float = field(default=0.0, converter=as_float, validator=number(0))
    """Coefficient c of the penalty c/2 * sum of all squared weights; biases are not penalised."""
    loss: Loss = field(
        default=SOFTMAX_CROSS_ENTROPY,
        validator=of_type(Loss, "scratch.losses.SOFTMAX_CROSS_ENTROPY"),
    )
    """The loss that training minimises, together with the penalty."""
    dropout_layers: int | None = field(default=None, converter=as_int, validator=optional(whole(1)))
    """Number of hidden layers that have dropout, from the first; by default all."""

    def __attrs_post_init__(self) -> None:
        """Check that the number of activations fits the hidden layers."""
        hidden = len(self.layer_sizes) - 2
        if len(self.activations) not in (1, hidden):
            raise UserError(
                f"activations must be one for all {hidden} hidden layers of layer_sizes "
                f"{self.layer_sizes} or one for each, found {len(self.activations)}"
            )

    @property
    def hidden_activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer."""
        hidden = len(self.layer_sizes) - 2
        return self.activations * hidden if len(self.activations) == 1 else self.activations

    def has_dropout(self, index: int) -> bool:
        """Whether training drops activations of the hidden layer `index`, counted from 0."""
        return self.dropout > 0 and (self.dropout_layers is None or index < self.dropout_layers)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one flattened input."""
        return (self.layer_sizes[0],)

    @property
    def features(self) -> int:
        """Units of the last hidden layer; the number of inputs if there is none."""
        return self.layer_sizes[-2]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.layer_sizes[-1]

    def build(self) -> Model:
        """Build the network; the same object for the same configuration."""
        from fmnist_jax.scratch.model import mlp_model  # which imports this module

        return mlp_model(self)

    def hand_written(self) -> HandWritten:
        """Return the hand-written gradient, which training uses."""
        from fmnist_jax.scratch.model import mlp_hand_written

        return mlp_hand_written(self)

    def first_layer(self, variables: Variables) -> Float[np.ndarray, "units height width"]:
        """Return the first layer's weights, a square picture a unit, as the pixels of an image lie."""
        W = np.asarray(variables.parameters[0].W)
        side = math.isqrt(W.shape[0])
        return W.T.reshape(-1, side, side)

    def feature_maps(self, variables: Variables, inputs: Float[Any, "batch *shape"]) -> tuple[()]:
        """Return no maps."""
        return ()

    def layers(self) -> tuple[Layer, ...]:
        """Count the dense layers, from the inputs to the logits."""
        first, *others = dense_layers(tuple(pairwise(self.layer_sizes)))
        return first._replace(first=True), *others

    def feature_layers(self) -> tuple[Layer, ...]:
        """Count the dense layers up to the last hidden one."""
        return self.layers()[:-1]


Parameters = tuple[Dense, ...]


class Cache(NamedTuple):
    """Values of the forward pass that `backward` needs."""

    A: tuple[Inputs, ...]
    """The inputs of each layer: X, then the activations of each hidden layer after dropout."""
    Z: tuple[Units, ...]
    """Z of each hidden layer; Z of the last layer are the logits."""
    masks: tuple[Units, ...]
    """The mask of each hidden layer that has dropout, from the first."""


def init(key: Key[Array, ""], config: MLPConfig, dtype: DTypeLike = jnp.float32) -> Parameters:
    """Draw the initial parameters.

    Args:
        key: A random key, split into one for each layer.
        config: The network.
        dtype: Of all parameters.

    Returns:
        One `Dense` a layer, from the inputs to the logits.

    Examples:
        >>> [layer.W.shape for layer in init(jax.random.key(0), MLPConfig((4, 3, 2)))]
        [(4, 3), (3, 2)]
    """
    sizes = config.layer_sizes
    keys = jax.random.split(key, len(sizes) - 1)
    return tuple(
        Dense(*config.initializer(key, fan_in, fan_out, dtype))
        for key, fan_in, fan_out in zip(keys, sizes[:-1], sizes[1:], strict=True)
    )


def forward(
    parameters: Parameters,
    X: Inputs,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[Logits, Cache]:
    """Run the forward pass: Z = A W + b, A = mask * g(Z) in each hidden layer, then the logits.

    Args:
        parameters: One `Dense` a layer.
        X: Inputs (batch, inputs).
        config: The network.
        key: Draws the dropout masks; None means no dropout, as for inference.

    Returns:
        (logits (batch, classes), cache for `backward`).

    Examples:
        >>> config = MLPConfig((4, 3, 2))
        >>> logits, cache = forward(init(jax.random.key(0), config), jnp.ones((5, 4)), config)
        >>> logits.shape, [A.shape for A in cache.A]
        ((5, 2), [(5, 4), (5, 3)])
    """
    A, As, Zs, masks = X, [X], [], []
    for index, (layer, activation) in enumerate(
        zip(parameters[:-1], config.hidden_activations, strict=True)
    ):
        Z = dense(A, layer)
        A = activation.forward(Z)
        if key is not None and config.has_dropout(index):
            mask = dropout_mask(jax.random.fold_in(key, index), config.dropout, A)
            A = dropout(A, mask)
            masks.append(mask)
        Zs.append(Z)
        As.append(A)
    return dense(A, parameters[-1]), Cache(tuple(As), tuple(Zs), tuple(masks))


def backward(
    dlogits: Logits, parameters: Parameters, cache: Cache, config: MLPConfig
) -> tuple[Parameters, Inputs]:
    """Run the backward pass, from dL/dlogits to the gradients of all parameters and of X.

    From the last layer to the first: dW = A^T dZ, db = sum of dZ, dA = dZ W^T; then, below each
    activation, dZ = mask * dA * g'(Z).

    Args:
        dlogits: dL/dlogits (batch, classes).
        parameters: One `Dense` a layer.
        cache: As `forward` returned it for these parameters.
        config: The network.

    Returns:
        (gradients in the structure of the parameters, dL/dX (batch, inputs)).

    References:
        D. Rumelhart, G. Hinton and R. Williams, Learning representations by back-propagating errors,
        Nature 323, 1986.
    """
    gradient, dA = dense_backward(dlogits, cache.A[-1], parameters[-1])
    gradients = [gradient]
    for index in reversed(range(len(parameters) - 1)):
        if index < len(cache.masks):
            dA = dropout_backward(dA, cache.masks[index])
        dZ = config.hidden_activations[index].backward(dA, cache.Z[index])
        gradient, dA = dense_backward(dZ, cache.A[index], parameters[index])
        gradients.append(gradient)
    return tuple(reversed(gradients)), dA


def objective(
    parameters: Parameters,
    X: Inputs,
    targets: Targets,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[Float[Array, ""], Logits]:
    """Return what training minimises: the mean loss over the batch plus c/2 * sum of W^2.

    Args:
        parameters: One `Dense` a layer.
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
        parameters: One `Dense` a layer.
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
    logits, cache = forward(parameters, X, config, key)
    gradients, _ = backward(config.loss.backward(logits, targets), parameters, cache, config)
    if config.l2:
        gradients = tuple(
            gradient._replace(W=l2_penalty_backward(gradient.W, layer.W, config.l2))
            for gradient, layer in zip(gradients, parameters, strict=True)
        )
    return (_objective_of(logits, parameters, targets, config), logits), gradients


def _objective_of(
    logits: Logits, parameters: Parameters, targets: Targets, config: MLPConfig
) -> Float[Array, ""]:
    loss = config.loss.forward(logits, targets).mean()
    if config.l2:
        loss = loss + l2_penalty((layer.W for layer in parameters), config.l2)
    return loss
