"""The scratch multilayer perceptron: forward and backward passes and the gradient, by hand.

Rows are examples, so report 1's Z = W A + b reads Z = A W + b here, and dW = dZ A^T reads A^T dZ.
No function in this file differentiates anything: `backward` is the chain rule written out.
"""

import functools
import math
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from attrs import field, frozen
from jaxtyping import Array, DTypeLike, Float, Int, Key

from fmnist_jax.config.fields import (
    as_float,
    as_tuple,
    each,
    function,
    number,
    of_type,
    whole,
)
from fmnist_jax.config.model import Layer, Model, State, Variables
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.dense import Dense, dense, dense_backward, dense_layers
from fmnist_jax.scratch.dropout import dropout, dropout_backward, dropout_mask
from fmnist_jax.scratch.initializers import Initializer, he_normal
from fmnist_jax.scratch.l2 import l2_penalty, l2_penalty_backward
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss

Inputs = Float[Array, "batch inputs"]
Logits = Float[Array, "batch classes"]
Labels = Int[Array, " batch"]
Units = Float[Array, "batch units"]

MAX_UNITS = 2**20
"""Largest number of units of a layer: more would need more memory than a machine has."""


def _one_or_more(value: Any) -> Any:
    """A sequence as a tuple; a single activation as a tuple of one."""
    values = as_tuple(value)
    return values if isinstance(values, tuple) else (values,)


@frozen
class MLPConfig:
    """A multilayer perceptron: its layers, activations and loss.

    Raises:
        UserError: A field is invalid, or the number of activations fits neither one for all
            hidden layers nor one for each.
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

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one flattened input."""
        return (self.layer_sizes[0],)

    @property
    def features(self) -> int:
        """Units of the last hidden layer; without hidden layers, the inputs."""
        return self.layer_sizes[-2]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.layer_sizes[-1]

    def build(self) -> Model:
        """Build the network; the same object for the same configuration."""
        return _model(self)

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
    """What `forward` computed and `backward` needs again."""

    A: tuple[Inputs, ...]
    """A[0] = X, then each hidden layer's activations after dropout: the inputs of every layer."""
    Z: tuple[Units, ...]
    """Each hidden layer's Z; the last layer's are the logits."""
    masks: tuple[Units, ...]
    """Each hidden layer's dropout mask; empty without dropout."""


def init(key: Key[Array, ""], config: MLPConfig, dtype: DTypeLike = jnp.float32) -> Parameters:
    """Draw the first parameters: one `Dense` a layer, from the inputs to the logits."""
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
    """The logits, and the cache for `backward`.

    `key` draws the dropout masks; without it nothing is dropped, as for inference.
    """
    A, As, Zs, masks = X, [X], [], []
    for index, (layer, activation) in enumerate(
        zip(parameters[:-1], config.hidden_activations, strict=True)
    ):
        Z = dense(A, layer)
        A = activation.forward(Z)
        if key is not None and config.dropout > 0:
            mask = dropout_mask(jax.random.fold_in(key, index), config.dropout, A)
            A = dropout(A, mask)
            masks.append(mask)
        Zs.append(Z)
        As.append(A)
    return dense(A, parameters[-1]), Cache(tuple(As), tuple(Zs), tuple(masks))


def backward(
    dlogits: Logits, parameters: Parameters, cache: Cache, config: MLPConfig
) -> tuple[Parameters, Inputs]:
    """From dL/dlogits to (the gradients, in the parameters' own pytree, and dL/dX)."""
    gradient, dA = dense_backward(dlogits, cache.A[-1], parameters[-1])
    gradients = [gradient]
    for index in reversed(range(len(parameters) - 1)):
        if cache.masks:
            dA = dropout_backward(dA, cache.masks[index])
        dZ = config.hidden_activations[index].backward(dA, cache.Z[index])
        gradient, dA = dense_backward(dZ, cache.A[index], parameters[index])
        gradients.append(gradient)
    return tuple(reversed(gradients)), dA


def objective(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[Float[Array, ""], Logits]:
    """(the mean loss over the batch plus the L2 penalty, the logits)."""
    logits, _ = forward(parameters, X, config, key)
    return _objective_of(logits, parameters, labels, config), logits


def value_and_grad(
    parameters: Parameters,
    X: Inputs,
    labels: Labels,
    config: MLPConfig,
    key: Key[Array, ""] | None = None,
) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
    """((objective, logits), gradients), as `jax.value_and_grad(objective, has_aux=True)`."""
    logits, cache = forward(parameters, X, config, key)
    gradients, _ = backward(config.loss.backward(logits, labels), parameters, cache, config)
    if config.l2:
        gradients = tuple(
            gradient._replace(W=l2_penalty_backward(gradient.W, layer.W, config.l2))
            for gradient, layer in zip(gradients, parameters, strict=True)
        )
    return (_objective_of(logits, parameters, labels, config), logits), gradients


def _objective_of(
    logits: Logits, parameters: Parameters, labels: Labels, config: MLPConfig
) -> Float[Array, ""]:
    loss = config.loss.forward(logits, labels).mean()
    if config.l2:
        loss = loss + l2_penalty((layer.W for layer in parameters), config.l2)
    return loss


@functools.cache
def _model(config: MLPConfig) -> Model:
    """The MLP for training and inference: inputs of any shape are flattened, the state is empty."""

    def initialize(key: Key[Array, ""]) -> Variables:
        return Variables(init(key, config), {})

    def apply(variables: Variables, inputs: Float[Array, "batch *shape"]) -> Logits:
        return forward(variables.parameters, flatten(inputs), config)[0]

    def features(variables: Variables, inputs: Float[Array, "batch *shape"]) -> Units:
        _, cache = forward(variables.parameters, flatten(inputs), config)
        return cache.A[-1]

    def gradient(
        variables: Variables,
        inputs: Float[Array, "batch *shape"],
        labels: Labels,
        key: Key[Array, ""],
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        (loss, logits), gradients = value_and_grad(
            variables.parameters, flatten(inputs), labels, config, key
        )
        return (loss, (logits, variables.state)), gradients

    return Model(initialize, apply, features, config.loss.forward, gradient)


def flatten(inputs: Float[Array, "batch *shape"]) -> Inputs:
    """Reshape each example to one row."""
    return inputs.reshape(inputs.shape[0], -1)
