"""Losses of logits Z and targets Y, with the backward of each beneath it.

Each row of Y is a distribution over the classes: one-hot for a label, softer for smoothed labels, mixed
images or a teacher's probabilities. A forward returns one loss an example; training minimises their mean
over the batch of m examples. A backward returns dZ of that mean: the factor 1/m enters here and nowhere
else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Float, Int

Logits = Float[Array, "batch classes"]
Targets = Float[Array, "batch classes"]
Labels = Int[Array | np.ndarray, " batch"]
Losses = Float[Array, " batch"]


def log_softmax(Z: Logits) -> Logits:
    """Z - log sum exp(Z) over the classes; the largest logit is subtracted first, against overflow."""
    return jax.nn.log_softmax(Z, axis=-1)


def softmax(Z: Logits) -> Logits:
    """exp(Z) / sum exp(Z) over the classes; the largest logit is subtracted first, against overflow."""
    return jax.nn.softmax(Z, axis=-1)


def one_hot(labels: Labels, classes: int, dtype: DTypeLike = np.float32) -> Targets:
    """Y: 1 in the column of the label, 0 elsewhere; computed outside of jitted programs."""
    return jnp.asarray(np.eye(classes, dtype=dtype)[np.asarray(labels)])


def softmax_cross_entropy(Z: Logits, Y: Targets) -> Losses:
    """Cross-entropy -sum of Y log softmax(Z) over the classes, one an example.

    Args:
        Z: Logits (batch, classes).
        Y: A distribution over the classes in each row (batch, classes): non-negative, of sum 1.

    Returns:
        The losses (batch,).

    Examples:
        >>> import jax.numpy as jnp
    import numpy as np
        >>> print(softmax_cross_entropy(jnp.zeros((2, 2)), jnp.array([[0.7, 0.3], [1, 0]])).round(4))
        [0.6931 0.6931]
    """
    return -(Y * log_softmax(Z)).sum(axis=-1)


def softmax_cross_entropy_backward(Z: Logits, Y: Targets) -> Logits:
    """dZ = (Yhat - Y) / m with Yhat = softmax(Z); each row of Y must have the sum 1."""
    return (softmax(Z) - Y) / Z.shape[0]


def softmax_twice(Z: Logits, Y: Targets) -> Losses:
    """-sum of Y log softmax(softmax(Z)), one an example: the mistake of report 3.

    Its network ends in a softmax and its loss applies another. The second softmax has inputs in [0, 1],
    so with ten classes the loss cannot fall below log(1 + 9/e), about 1.461, for a one-hot Y.

    Args:
        Z: Logits (batch, classes).
        Y: A distribution over the classes in each row (batch, classes): non-negative, of sum 1.

    Returns:
        The losses (batch,).

    Examples:
        >>> import jax.numpy as jnp
    import numpy as np
        >>> f"{softmax_twice(1e4 * jnp.eye(10)[:1], jnp.eye(10)[:1])[0]:.3f}"
        '1.461'
    """
    return softmax_cross_entropy(softmax(Z), Y)


def softmax_twice_backward(Z: Logits, Y: Targets) -> Logits:
    """dP = (softmax(P) - Y) / m with P = softmax(Z), then dZ = P * (dP - sum(P * dP))."""
    P = softmax(Z)
    dP = softmax_cross_entropy_backward(P, Y)
    return P * (dP - (P * dP).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Loss:
    """A loss of logits and targets with its hand-written backward."""

    name: str
    forward: Callable[[Logits, Targets], Losses]
    """(Z, Y) to one loss an example."""
    backward: Callable[[Logits, Targets], Logits]
    """(Z, Y) to dZ of the mean loss."""


SOFTMAX_CROSS_ENTROPY = Loss(
    "softmax-cross-entropy", softmax_cross_entropy, softmax_cross_entropy_backward
)
SOFTMAX_TWICE = Loss("softmax-twice", softmax_twice, softmax_twice_backward)

LOSSES = {loss.name: loss for loss in (SOFTMAX_CROSS_ENTROPY, SOFTMAX_TWICE)}
"""All losses by name."""
