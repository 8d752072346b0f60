"""The dense layer with batch normalisation, Y = gamma xhat(A W) + beta, with its backward beneath it."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from fmnist_jax.scratch.batch_norm import (
    BatchNorm,
    Moments,
    batch_norm_infer,
    batch_norm_train,
    batch_norm_train_backward,
)
from fmnist_jax.scratch.dense import Dense, Inputs, Units, dense_backward


class NormalisedDense(NamedTuple):
    """The parameters of one dense layer with batch normalisation, or their gradients.

    There is no b: subtracting the mean of the batch would cancel it. beta takes its place.
    """

    W: Float[Array, "fan_in fan_out"]
    gamma: Float[Array, " fan_out"]
    beta: Float[Array, " fan_out"]


def normalised_dense(
    A: Inputs, layer: NormalisedDense, running: Moments | None = None
) -> tuple[Units, Units, Moments]:
    """Return Z = A W and Y = gamma (Z - mu) / sqrt(v + epsilon) + beta for each unit.

    Args:
        A: Inputs of the layer (batch, inputs).
        layer: W (inputs, units), gamma and beta (units,).
        running: The mean and variance to normalise by, for inference; None means those of the batch.

    Returns:
        (Z, Y, the moments that Z was normalised by); Z and Y are (batch, units).

    Examples:
        >>> one = jnp.ones(1)
        >>> layer = NormalisedDense(W=jnp.array([[2.0]]), gamma=3 * one, beta=one)
        >>> Z, Y, moments = normalised_dense(jnp.array([[1.0], [3.0]]), layer)
        >>> [f"{value:.2f}" for value in (*Y[:, 0], *moments.mean, *moments.variance)]
        ['-2.00', '4.00', '4.00', '4.00']
    """
    Z, norm = A @ layer.W, BatchNorm(layer.gamma, layer.beta)
    if running is not None:
        return Z, batch_norm_infer(Z, norm, running, axis=1), running
    Y, moments = batch_norm_train(Z, norm, axis=1)
    return Z, Y, moments


def normalised_dense_backward(
    dY: Units, A: Inputs, Z: Units, layer: NormalisedDense
) -> tuple[NormalisedDense, Inputs]:
    """Return dgamma, dbeta and dZ of the normalisation by the batch, then dW = A^T dZ and dA = dZ W^T.

    Args:
        dY: Gradient of the loss with respect to Y (batch, units).
        A: Inputs of the forward pass (batch, inputs).
        Z: Its A W (batch, units).
        layer: Its parameters.

    Returns:
        (dW, dgamma and dbeta as a `NormalisedDense`, dA).
    """
    norm, dZ = batch_norm_train_backward(dY, Z, BatchNorm(layer.gamma, layer.beta), axis=1)
    gradient, dA = dense_backward(dZ, A, Dense(layer.W, jnp.zeros_like(layer.beta)))
    return NormalisedDense(gradient.W, norm.gamma, norm.beta), dA
