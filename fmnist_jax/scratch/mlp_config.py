"""The description of a multilayer perceptron."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import field, frozen
from attrs.validators import optional
from jaxtyping import Float

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
from fmnist_jax.config.model import HandWritten, Layer, Model, Variables
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.batch_norm import MIN_BATCH
from fmnist_jax.scratch.dense import dense_layers
from fmnist_jax.scratch.initializers import Initializer, he_normal
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss

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
    batch_norm: bool = field(default=False, validator=of_type(bool, "True"))
    """Whether each hidden layer normalises its units over the batch, before the activation."""

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

    @property
    def min_batch(self) -> int:
        """Fewest examples of a training step."""
        return MIN_BATCH if self.batch_norm else 1

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
        first, *others = dense_layers(tuple(pairwise(self.layer_sizes)), self.batch_norm)
        return first._replace(first=True), *others

    def feature_layers(self) -> tuple[Layer, ...]:
        """Count the dense layers up to the last hidden one."""
        return self.layers()[:-1]
