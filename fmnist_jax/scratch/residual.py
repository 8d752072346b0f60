"""Residual addition y = F(x) + x, with its backward beneath it."""

from jaxtyping import Array, Float

Values = Float[Array, "*shape"]


def residual_add(branch: Values, shortcut: Values) -> Values:
    """Return y = branch + shortcut: F(x) plus x itself, of the same shape.

    Examples:
        >>> import jax.numpy as jnp
        >>> residual_add(jnp.array([1.0]), jnp.array([2.0])).tolist()
        [3.0]

    References:
        K. He et al., Deep residual learning for image recognition, CVPR 2016.
    """
    return branch + shortcut


def residual_add_backward(dy: Values) -> tuple[Values, Values]:
    """dbranch = dy and dshortcut = dy; the input x receives both, through F and directly."""
    return dy, dy
