"""The dense layer Z = A W + b, its backward beneath it, and its count of operations."""

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
    """Z = A W + b, b added to every row."""
    return A @ layer.W + layer.b[None, :]


def dense_backward(dZ: Units, A: Inputs, layer: Dense) -> tuple[Dense, Inputs]:
    """dW = A^T dZ, db = sum of dZ over the batch, dA = dZ W^T; returns ((dW, db), dA)."""
    return Dense(A.T @ dZ, dZ.sum(axis=0)), dZ @ layer.W.T


def dense_layers(sizes: Sequence[tuple[int, int]]) -> tuple[Layer, ...]:
    """Count dense layers of (inputs, units) each: a multiply-add a weight, biases left out."""
    return tuple(
        Layer(f"dense {number}", (units,), inputs * units + units, inputs * units)
        for number, (inputs, units) in enumerate(sizes, 1)
    )
