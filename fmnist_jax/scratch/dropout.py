"""Inverted dropout with an explicit mask."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Values = Float[Array, "*shape"]


def dropout_mask(key: Key[Array, ""], rate: float, A: Values) -> Values:
    """Draw a mask: 0 with probability `rate`, else 1 / (1 - rate), so that E[mask * A] = A.

    Args:
        key: A random key; the same key draws the same mask.
        rate: Probability that an entry is dropped, at least 0 and less than 1.
        A: Activations of any shape.

    Returns:
        The mask, in the shape and dtype of A.

    Examples:
        >>> mask = dropout_mask(jax.random.key(0), 0.5, jnp.ones((2, 4)))
        >>> sorted(set(mask.ravel().tolist()))
        [0.0, 2.0]

    References:
        N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting,
        JMLR 15, 2014.
    """
    keep = jax.random.bernoulli(key, 1 - rate, A.shape)
    return jnp.where(keep, 1 / (1 - rate), 0.0).astype(A.dtype)


def dropout(A: Values, mask: Values) -> Values:
    """Apply a mask of `dropout_mask`: A * mask."""
    return A * mask


def dropout_backward(dA: Values, mask: Values) -> Values:
    """dA before dropout = dA after dropout * mask, with the mask of the forward pass."""
    return dA * mask
