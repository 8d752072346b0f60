"""The scratch multilayer perceptron: forward and backward passes and the gradient, by hand.

Rows are examples, so report 1's Z = W A + b reads Z = A W + b here, and dW = dZ A^T reads A^T dZ.
No function in this file differentiates anything: `backward` is the chain rule written out.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Int, Key

from fmnist_jax.config.checks import check_type, is_count, is_number, listed, real, shown
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.dropout import dropout, dropout_backward, dropout_mask
from fmnist_jax.scratch.initializers import Initializer, he_normal
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss

Inputs = Float[Array, "batch inputs"]
Logits = Float[Array, "batch classes"]
Labels = Int[Array, " batch"]


MAX_UNITS = 2**20
"""A layer of more is a slip, and would ask for more memory than there is."""


@dataclass(frozen=True)
class MLPConfig:
    """What a scratch MLP is made of.

    Raises UserError for sizes, rates or counts that can't be.
    """

    layer_sizes: tuple[int, ...] = (784, 128, 10)
    """Units of each layer, from the inputs to the classes."""
    activations: tuple[Activation, ...] = (RELU,)
    """One activation for all hidden layers, or one for each."""
    dropout: float = 0.0
    """Probability with which a hidden activation is dropped while training."""
    initializer: Initializer = he_normal
    """Draws the first weights and biases."""
    l2: float = 0.0
    """Coefficient c of the penalty c/2 * sum of all squared weights (biases are left alone)."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    """What training minimises, beside the penalty."""

    def __post_init__(self) -> None:
        """Refuse what can't be built; lists and a single activation become tuples."""
        if isinstance(self.activations, Activation):
            object.__setattr__(self, "activations", (self.activations,))
        sizes = listed(self.layer_sizes)
        if not sizes or len(sizes) < 2 or not all(is_count(n, 1, MAX_UNITS) for n in sizes):
            raise UserError(
                f"layer_sizes must be two or more counts from 1 to {MAX_UNITS}, inputs first, found "
                f"{shown(self.layer_sizes if sizes is None else sizes)}"
            )
        activations = listed(self.activations)
        for activation in (self.activations,) if activations is None else activations:
            check_type("activations", activation, Activation, "as scratch.activations.GELU is")
        object.__setattr__(self, "layer_sizes", sizes)
        object.__setattr__(self, "activations", activations)
        hidden = len(sizes) - 2
        if len(self.activations) not in (1, hidden):
            raise UserError(
                f"activations must be one for all {hidden} hidden layers of layer_sizes {sizes} "
                f"or one for each, found {len(self.activations)}"
            )
        for name, end, expected in (
            ("dropout", 1, "a number of at least 0 and less than 1"),
            ("l2", float("inf"), "a finite number of at least 0"),
        ):
            value = real(getattr(self, name))
            if not is_number(value) or not 0 <= value < end:
                raise UserError(f"{name} must be {expected}, found {shown(value)}")
            object.__setattr__(self, name, value)
        if not callable(self.initializer):
            raise UserError(
                f"initializer must be a function, as scratch.initializers has them, found "
                f"{shown(self.initializer)}"
            )
        check_type("loss", self.loss, Loss, "as scratch.losses.SOFTMAX_CROSS_ENTROPY is")

    @property
    def hidden_activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer."""
        hidden = len(self.layer_sizes) - 2
        return self.activations * hidden if len(self.activations) == 1 else self.activations


class Dense(NamedTuple):
    """The parameters of one layer, or their gradients."""

    W: Float[Array, "fan_in fan_out"]
    b: Float[Array, " fan_out"]


Parameters = tuple[Dense, ...]


class Cache(NamedTuple):
    """What `forward` computed and `backward` needs again."""

    A: tuple[Inputs, ...]
    """A[0] = X, then each hidden layer's activations after dropout: the inputs of every layer."""
    Z: tuple[Float[Array, "batch units"], ...]
    """Each hidden layer's Z; the last layer's are the logits."""
    masks: tuple[Float[Array, "batch units"], ...]
    """Each hidden layer's dropout mask; empty without dropout."""


def init(key: Key[Array, ""], config: MLPConfig, dtype: DTypeLike = jnp.float32) -> Parameters:
    """Draw the first parameters: one `Dense` a layer, from the inputs to the logits."""
    sizes = config.layer_sizes
    keys = jax.random.split(key, len(sizes) - 1)
    return tuple(
        Dense(*config.initializer(key, fan_in, fan_out, dtype))
        for key, fan_in, fan_out in zip(keys, sizes[:-1], sizes[1:], strict=True)
    )


def dense(A: Inputs, layer: Dense) -> Float[Array, "batch units"]:
    """Z = A W + b."""
    return A @ layer.W + layer.b[None, :]


def dense_backward(
    dZ: Float[Array, "batch units"], A: Inputs, layer: Dense
) -> tuple[Dense, Inputs]:
    """dW = A^T dZ, db = sum of dZ over the batch, dA = dZ W^T; returns ((dW, db), dA)."""
    return Dense(A.T @ dZ, dZ.sum(axis=0)), dZ @ layer.W.T


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


def l2_penalty(parameters: Parameters, coefficient: float) -> Float[Array, ""]:
    """coefficient / 2 * sum of W^2 over all layers."""
    total = jnp.zeros((), parameters[0].W.dtype)
    for layer in parameters:
        total = total + (layer.W**2).sum()
    return 0.5 * coefficient * total


def l2_penalty_backward(
    gradients: Parameters, parameters: Parameters, coefficient: float
) -> Parameters:
    """Add the penalty's own gradient: dW + coefficient * W, db as it is."""
    return tuple(
        Dense(gradient.W + coefficient * layer.W, gradient.b)
        for gradient, layer in zip(gradients, parameters, strict=True)
    )


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
        gradients = l2_penalty_backward(gradients, parameters, config.l2)
    return (_objective_of(logits, parameters, labels, config), logits), gradients


def _objective_of(
    logits: Logits, parameters: Parameters, labels: Labels, config: MLPConfig
) -> Float[Array, ""]:
    loss = config.loss.forward(logits, labels).mean()
    return loss + l2_penalty(parameters, config.l2) if config.l2 else loss
