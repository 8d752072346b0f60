"""Losses of logits Z against integer labels, each with its backward beneath it.

A forward gives one loss an example; the training loss is their mean over the batch of m examples. A
backward gives dZ of that mean, so 1/m enters here, once, and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, Int

Logits = Float[Array, "batch classes"]
Labels = Int[Array, " batch"]


def log_softmax(Z: Logits) -> Logits:
    """Z - log sum exp(Z) along the classes, the largest logit subtracted first: no overflow."""
    return jax.nn.log_softmax(Z, axis=-1)


def softmax(Z: Logits) -> Logits:
    """exp(Z) / sum exp(Z) along the classes, the largest logit subtracted first."""
    return jax.nn.softmax(Z, axis=-1)


def one_hot(labels: Labels, like: Logits) -> Logits:
    """Y: 1 in the label's column, 0 elsewhere, in the shape and dtype of the logits."""
    return jax.nn.one_hot(labels, like.shape[-1], dtype=like.dtype)


def softmax_cross_entropy(Z: Logits, labels: Labels) -> Float[Array, " batch"]:
    """-log softmax(Z)[label], one an example."""
    return -(one_hot(labels, Z) * log_softmax(Z)).sum(axis=-1)


def softmax_cross_entropy_backward(Z: Logits, labels: Labels) -> Logits:
    """dZ = (Yhat - Y) / m with Yhat = softmax(Z)."""
    return (softmax(Z) - one_hot(labels, Z)) / Z.shape[0]


def softmax_twice(Z: Logits, labels: Labels) -> Float[Array, " batch"]:
    """-log softmax(softmax(Z))[label], one an example.

    Report 3's mistake, kept to show what it costs: its network ends in a softmax and its loss
    applies another. The second one sees inputs in [0, 1], so with ten classes the loss can't fall
    below log(1 + 9/e), about 1.461.
    """
    return softmax_cross_entropy(softmax(Z), labels)


def softmax_twice_backward(Z: Logits, labels: Labels) -> Logits:
    """dP = (softmax(P) - Y) / m with P = softmax(Z), then dZ = P * (dP - sum(P * dP))."""
    P = softmax(Z)
    dP = softmax_cross_entropy_backward(P, labels)
    return P * (dP - (P * dP).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Loss:
    """A loss an example with the hand-written backward of its mean over the batch."""

    name: str
    forward: Callable[[Logits, Labels], Float[Array, " batch"]]
    """(Z, labels) to the losses."""
    backward: Callable[[Logits, Labels], Logits]
    """(Z, labels) to dZ of their mean."""


SOFTMAX_CROSS_ENTROPY = Loss(
    "softmax-cross-entropy", softmax_cross_entropy, softmax_cross_entropy_backward
)
SOFTMAX_TWICE = Loss("softmax-twice", softmax_twice, softmax_twice_backward)

LOSSES = {loss.name: loss for loss in (SOFTMAX_CROSS_ENTROPY, SOFTMAX_TWICE)}
