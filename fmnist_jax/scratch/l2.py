"""The L2 penalty on weights, c/2 * sum of W^2, with its backward beneath it."""

import functools
import operator
from collections.abc import Iterable

from jaxtyping import Array, Float

Weights = Float[Array, "*shape"]


def l2_penalty(weights: Iterable[Float[Array, "..."]], coefficient: float) -> Float[Array, ""]:
    """Return coefficient / 2 * sum of W^2 over all weights.

    Args:
        weights: One or more arrays of any shape, of one dtype. Biases are usually left out.
        coefficient: The c of the formula.

    Returns:
        The penalty, a scalar.

    Examples:
        >>> import jax.numpy as jnp
        >>> float(l2_penalty([jnp.array([[1.0, 2.0]]), jnp.array([[3.0]])], 0.5))
        3.5

    References:
        A. Krogh and J. Hertz, A simple weight decay can improve generalization, NIPS 1991.
    """
    return 0.5 * coefficient * functools.reduce(operator.add, ((W**2).sum() for W in weights))


def l2_penalty_backward(dW: Weights, W: Weights, coefficient: float) -> Weights:
    """Add the gradient of the penalty: dW + coefficient * W."""
    return dW + coefficient * W
