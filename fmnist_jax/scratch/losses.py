"""Losses of logits Z, with the backward of each beneath it.

A forward returns one loss an example; training minimises their mean over the batch of m examples. A
backward returns dZ of that mean: the factor 1/m enters here and nowhere else.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, Int

Logits = Float[Array, "batch classes"]
Labels = Int[Array, " batch"]
Losses = Float[Array, " batch"]


def log_softmax(Z: Logits) -> Logits:
    """Z - log sum exp(Z) over the classes; the largest logit is subtracted first, against overflow."""
    return jax.nn.log_softmax(Z, axis=-1)


def softmax(Z: Logits) -> Logits:
    """exp(Z) / sum exp(Z) over the classes; the largest logit is subtracted first, against overflow."""
    return jax.nn.softmax(Z, axis=-1)


def one_hot(labels: Labels, like: Logits) -> Logits:
    """Y: 1 in the column of the label, 0 elsewhere, in the shape and dtype of the logits."""
    return jax.nn.one_hot(labels, like.shape[-1], dtype=like.dtype)


def soft_cross_entropy(Z: Logits, Y: Logits) -> Losses:
    """Cross-entropy of soft labels, -sum of Y log softmax(Z) over the classes, one an example.

    Args:
        Z: Logits (batch, classes).
        Y: A distribution over the classes in each row (batch, classes): non-negative, of sum 1.

    Returns:
        The losses (batch,).

    Examples:
        >>> import jax.numpy as jnp
        >>> print(soft_cross_entropy(jnp.zeros((1, 2)), jnp.array([[0.7, 0.3]])).round(4))
        [0.6931]
    """
    return -(Y * log_softmax(Z)).sum(axis=-1)


def soft_cross_entropy_backward(Z: Logits, Y: Logits) -> Logits:
    """dZ = (Yhat - Y) / m with Yhat = softmax(Z); each row of Y must have the sum 1."""
    return (softmax(Z) - Y) / Z.shape[0]


def softmax_cross_entropy(Z: Logits, labels: Labels) -> Losses:
    """Cross-entropy of integer labels, -log softmax(Z)[label], one an example.

    Args:
        Z: Logits (batch, classes).
        labels: Class indices (batch,).

    Returns:
        The losses (batch,).

    Examples:
        >>> import jax.numpy as jnp
        >>> print(softmax_cross_entropy(jnp.zeros((1, 10)), jnp.array([3])).round(4))
        [2.3026]
    """
    return soft_cross_entropy(Z, one_hot(labels, Z))


def softmax_cross_entropy_backward(Z: Logits, labels: Labels) -> Logits:
    """dZ = (Yhat - Y) / m with Yhat = softmax(Z) and Y = one_hot(labels)."""
    return soft_cross_entropy_backward(Z, one_hot(labels, Z))


def smooth_labels(labels: Labels, like: Logits, smoothing: float) -> Logits:
    """Y = (1 - e) one_hot(labels) + e / K for K classes, in the shape and dtype of the logits.

    References:
        C. Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016.
    """
    return (1 - smoothing) * one_hot(labels, like) + smoothing / like.shape[-1]


def softmax_twice(Z: Logits, labels: Labels) -> Losses:
    """-log softmax(softmax(Z))[label], one an example: the mistake of report 3.

    Its network ends in a softmax and its loss applies another. The second softmax has inputs in [0, 1],
    so with ten classes the loss cannot fall below log(1 + 9/e), about 1.461.

    Args:
        Z: Logits (batch, classes).
        labels: Class indices (batch,).

    Returns:
        The losses (batch,).

    Examples:
        >>> import jax.numpy as jnp
        >>> f"{softmax_twice(1e4 * jnp.eye(10)[:1], jnp.array([0]))[0]:.3f}"
        '1.461'
    """
    return softmax_cross_entropy(softmax(Z), labels)


def softmax_twice_backward(Z: Logits, labels: Labels) -> Logits:
    """dP = (softmax(P) - Y) / m with P = softmax(Z), then dZ = P * (dP - sum(P * dP))."""
    P = softmax(Z)
    dP = softmax_cross_entropy_backward(P, labels)
    return P * (dP - (P * dP).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Loss:
    """A loss of integer labels with its hand-written backward."""

    name: str
    forward: Callable[[Logits, Labels], Losses]
    """(Z, labels) to one loss an example."""
    backward: Callable[[Logits, Labels], Logits]
    """(Z, labels) to dZ of the mean loss."""


SOFTMAX_CROSS_ENTROPY = Loss(
    "softmax-cross-entropy", softmax_cross_entropy, softmax_cross_entropy_backward
)
SOFTMAX_TWICE = Loss("softmax-twice", softmax_twice, softmax_twice_backward)

LOSSES = {loss.name: loss for loss in (SOFTMAX_CROSS_ENTROPY, SOFTMAX_TWICE)}
"""All losses by name."""


@functools.cache
def label_smoothing(smoothing: float) -> Loss:
    """Cross-entropy of labels smoothed by e: (1 - e) of the label's class, e / K of each of K classes.

    Args:
        smoothing: The e of the formula, at least 0 and less than 1.

    Returns:
        The loss; the same object for the same smoothing.

    Examples:
        >>> import jax.numpy as jnp
        >>> loss = label_smoothing(0.1)
        >>> print(loss.forward(jnp.array([[100.0, 0.0]]), jnp.array([0])).round(4))
        [5.]
    """

    def forward(Z: Logits, labels: Labels) -> Losses:
        return soft_cross_entropy(Z, smooth_labels(labels, Z, smoothing))

    def backward(Z: Logits, labels: Labels) -> Logits:
        return soft_cross_entropy_backward(Z, smooth_labels(labels, Z, smoothing))

    return Loss(f"label smoothing {smoothing:g}", forward, backward)
