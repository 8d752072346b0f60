"""The L2 penalty c/2 * sum of W^2 on weights, and its backward."""

import functools
import operator
from collections.abc import Iterable

from jaxtyping import Array, Float

Weights = Float[Array, "*shape"]


def l2_penalty(weights: Iterable[Float[Array, "..."]], coefficient: float) -> Float[Array, ""]:
    """coefficient / 2 * sum of W^2 over all weights; there must be at least one."""
    return 0.5 * coefficient * functools.reduce(operator.add, ((W**2).sum() for W in weights))


def l2_penalty_backward(dW: Weights, W: Weights, coefficient: float) -> Weights:
    """Add the penalty's own gradient: dW + coefficient * W."""
    return dW + coefficient * W
