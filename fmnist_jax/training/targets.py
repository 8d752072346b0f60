"""Targets other than the labels' one-hot rows."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Targets = Float[Array, "batch classes"]
Inputs = Float[Array, "batch *shape"]


def smooth(targets: Targets, smoothing: float) -> Targets:
    """(1 - e) Y + e / K for K classes (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567)."""
    return (1 - smoothing) * targets + smoothing / targets.shape[-1]


def mix(
    key: Key[Array, ""], inputs: Inputs, targets: Targets, alpha: float
) -> tuple[Inputs, Targets]:
    """Mixup: w x + (1 - w) x' of each input and the next one of the batch, and so of their targets.

    w is drawn once a batch from Beta(alpha, alpha); the larger of w and 1 - w is used, which pairs the same
    images, so that each mixed image mostly shows its own class (Zhang et al. 2018,
    https://arxiv.org/abs/1710.09412).
    """
    w = jax.random.beta(key, alpha, alpha)
    w = jnp.maximum(w, 1 - w).astype(inputs.dtype)
    mixed = w * inputs + (1 - w) * jnp.roll(inputs, 1, axis=0)
    return mixed, w * targets + (1 - w) * jnp.roll(targets, 1, axis=0)
