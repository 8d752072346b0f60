"""Batch normalisation in training and in inference, with the backward of each beneath it.

The features are along one axis: 0 for maps (channels, height, width, batch), 1 for rows (batch, units).
Mean and variance are over all other axes.
"""

from typing import NamedTuple

from jax import lax
from jaxtyping import Array, Float

Values = Float[Array, "*shape"]
Features = Float[Array, " features"]

EPSILON = 1e-5
"""Added to the variance."""

MIN_BATCH = 2
"""Fewest examples of a training step: a single row minus its mean is 0, whatever its values."""


class BatchNorm(NamedTuple):
    """The parameters of one batch normalisation, or their gradients."""

    gamma: Features
    beta: Features


class Moments(NamedTuple):
    """Mean and variance of each feature: of a batch, or running averages for inference."""

    mean: Features
    variance: Features


def batch_norm_train(
    x: Values, layer: BatchNorm, axis: int = 0, epsilon: float = EPSILON
) -> tuple[Values, Moments]:
    """Normalise each feature by the mean and variance of the batch.

    With m values a feature:

        mu = sum of x / m,  v = sum of (x - mu)^2 / m
        xhat = (x - mu) / sqrt(v + epsilon)
        y = gamma xhat + beta

    Args:
        x: Values of any shape.
        layer: gamma and beta (features,).
        axis: The axis of the features.
        epsilon: Added to the variance, against division by zero.

    Returns:
        (y in the shape of x, the batch's mean and variance for `update_moments`).

    Examples:
        >>> import jax.numpy as jnp
        >>> layer = BatchNorm(gamma=jnp.array([2.0]), beta=jnp.array([1.0]))
        >>> y, moments = batch_norm_train(jnp.array([[3.0, 5.0]]), layer)
        >>> [f"{value:.2f}" for value in (*y[0], *moments.mean, *moments.variance)]
        ['-1.00', '3.00', '4.00', '1.00']

    References:
        S. Ioffe and C. Szegedy, Batch normalization, ICML 2015.
    """
    moments = batch_moments(x, axis)
    return batch_norm_infer(x, layer, moments, axis, epsilon), moments


def batch_norm_train_backward(
    dy: Values, x: Values, layer: BatchNorm, axis: int = 0, epsilon: float = EPSILON
) -> tuple[BatchNorm, Values]:
    """Return dgamma, dbeta and dx; mu and v depend on x, so dx has a part for each.

        dbeta = sum of dy,  dgamma = sum of dy xhat
        dx = gamma / sqrt(v + epsilon) (dy - dbeta / m - xhat dgamma / m)

    Args:
        dy: Gradient of the loss with respect to y.
        x: Values of the forward pass.
        layer: Its parameters.
        axis: The axis of the features.
        epsilon: As in the forward pass.

    Returns:
        (dgamma and dbeta as a `BatchNorm`, dx).
    """
    moments = batch_moments(x, axis)
    gradients, dx_of_constants = batch_norm_infer_backward(dy, x, layer, moments, axis, epsilon)
    m = x.size // x.shape[axis]
    xhat = _normalise(x, moments, axis, epsilon)
    through_moments = _along(gradients.beta, x, axis) + xhat * _along(gradients.gamma, x, axis)
    factor = layer.gamma * lax.rsqrt(moments.variance + epsilon) / m
    return gradients, dx_of_constants - _along(factor, x, axis) * through_moments


def batch_norm_infer(
    x: Values, layer: BatchNorm, moments: Moments, axis: int = 0, epsilon: float = EPSILON
) -> Values:
    """Normalise by given moments: y = gamma (x - mu) / sqrt(v + epsilon) + beta.

    Args:
        x: Values of any shape.
        layer: gamma and beta (features,).
        moments: Mean and variance (features,): the running averages of training.
        axis: The axis of the features.
        epsilon: Added to the variance.

    Returns:
        y in the shape of x.
    """
    xhat = _normalise(x, moments, axis, epsilon)
    return _along(layer.gamma, x, axis) * xhat + _along(layer.beta, x, axis)


def batch_norm_infer_backward(
    dy: Values,
    x: Values,
    layer: BatchNorm,
    moments: Moments,
    axis: int = 0,
    epsilon: float = EPSILON,
) -> tuple[BatchNorm, Values]:
    """dbeta = sum of dy, dgamma = sum of dy xhat, dx = gamma / sqrt(v + epsilon) dy; mu, v are constant."""
    xhat = _normalise(x, moments, axis, epsilon)
    others = _others(x, axis)
    gradients = BatchNorm(gamma=(dy * xhat).sum(axis=others), beta=dy.sum(axis=others))
    factor = layer.gamma * lax.rsqrt(moments.variance + epsilon)
    return gradients, _along(factor, x, axis) * dy


def update_moments(running: Moments, batch: Moments, momentum: float = 0.9) -> Moments:
    """Return momentum * running + (1 - momentum) * batch, for the mean and for the variance.

    The variance of a batch is divided by m, as in Flax. (PyTorch's running variance divides by m - 1, and
    its momentum is the weight of the batch.)
    """
    return Moments(
        *(momentum * old + (1 - momentum) * new for old, new in zip(running, batch, strict=True))
    )


def batch_moments(x: Values, axis: int = 0) -> Moments:
    """Mean and variance (divided by m) of each feature."""
    others = _others(x, axis)
    return Moments(x.mean(axis=others), x.var(axis=others))


def _normalise(x: Values, moments: Moments, axis: int, epsilon: float) -> Values:
    """xhat = (x - mu) / sqrt(v + epsilon)."""
    inverse = lax.rsqrt(moments.variance + epsilon)
    return (x - _along(moments.mean, x, axis)) * _along(inverse, x, axis)


def _along(features: Features, x: Values, axis: int) -> Float[Array, "..."]:
    """A value a feature, in a shape that broadcasts along `axis` of x."""
    return features.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _others(x: Values, axis: int) -> tuple[int, ...]:
    return tuple(i for i in range(x.ndim) if i != axis)
