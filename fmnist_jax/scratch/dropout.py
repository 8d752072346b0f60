"""Inverted dropout (Srivastava et al. 2014) with its mask made explicit."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Units = Float[Array, "batch units"]


def dropout_mask(key: Key[Array, ""], rate: float, A: Units) -> Units:
    """A mask in A's shape: 0 with probability `rate`, else 1 / (1 - rate); E[mask * A] = A."""
    keep = jax.random.bernoulli(key, 1 - rate, A.shape)
    return jnp.where(keep, 1 / (1 - rate), 0.0).astype(A.dtype)


def dropout(A: Units, mask: Units) -> Units:
    """A * mask."""
    return A * mask


def dropout_backward(dA: Units, mask: Units) -> Units:
    """dA before dropout = dA after dropout * mask, the same mask."""
    return dA * mask
