"""The dense layer Z = A W + b, with its backward beneath it.

Rows are examples. Literature with examples as columns writes Z = W A + b, dW = dZ A^T, dA = W^T dZ.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Array, Float

from fmnist_jax.config.model import Layer

Inputs = Float[Array, "batch inputs"]
Units = Float[Array, "batch units"]


class Dense(NamedTuple):
    """The parameters of one dense layer, or their gradients."""

    W: Float[Array, "fan_in fan_out"]
    b: Float[Array, " fan_out"]


def dense(A: Inputs, layer: Dense) -> Units:
    """Return Z = A W + b, with b added to every row.

    Args:
        A: Inputs of the layer (batch, inputs).
        layer: W (inputs, units) and b (units,).

    Returns:
        Z (batch, units).

    Examples:
        >>> import jax.numpy as jnp
        >>> layer = Dense(W=jnp.array([[1.0], [2.0]]), b=jnp.array([0.5]))
        >>> dense(jnp.array([[3.0, 4.0]]), layer).tolist()
        [[11.5]]
    """
    return A @ layer.W + layer.b[None, :]


def dense_backward(dZ: Units, A: Inputs, layer: Dense) -> tuple[Dense, Inputs]:
    """Return dW = A^T dZ and db = sum of dZ over the batch, and dA = dZ W^T.

    Args:
        dZ: Gradient of the loss with respect to Z (batch, units).
        A: Inputs of the forward pass (batch, inputs).
        layer: Its parameters.

    Returns:
        (dW and db as a `Dense`, dA).

    References:
        D. Rumelhart, G. Hinton and R. Williams, Learning representations by back-propagating errors,
        Nature 323, 1986.
    """
    return Dense(A.T @ dZ, dZ.sum(axis=0)), dZ @ layer.W.T


def dense_layers(sizes: Sequence[tuple[int, int]], batch_norm: bool = False) -> tuple[Layer, ...]:
    """Count dense layers of (inputs, units) each: one multiply-add a weight, biases not counted.

    With `batch_norm` all but the last have gamma and beta in place of b.
    """
    last = len(sizes)
    return tuple(
        Layer(
            f"dense {number}",
            (units,),
            inputs * units + (2 * units if batch_norm and number < last else units),
            inputs * units,
        )
        for number, (inputs, units) in enumerate(sizes, 1)
    )
