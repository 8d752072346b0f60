"""Residual addition y = F(x) + x and the shortcut of x, with the backward of each beneath it."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fmnist_jax.scratch.windows import Maps

Values = Float[Array, "*shape"]
Branch = Float[Array, "filters rows columns batch"]


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


def shortcut(x: Maps, filters: int, size: int) -> Branch:
    """Return x in the shape (filters, size, size, batch) of the branch that it is added to.

    Smaller maps take every stride-th row and column of x, further filters are maps of zeros; there are no
    parameters.

    Args:
        x: Maps (channels, height, height, batch).
        filters: Number of maps, at least that of x.
        size: Height and width, for which `shortcut_stride` is not 0.

    Returns:
        The maps (filters, size, size, batch); x itself where shapes agree.

    Examples:
        >>> shortcut(jnp.arange(9.0).reshape(1, 3, 3, 1), filters=2, size=2)[:, :, :, 0].tolist()
        [[[0.0, 2.0], [6.0, 8.0]], [[0.0, 0.0], [0.0, 0.0]]]

    References:
        K. He et al., Deep residual learning for image recognition, CVPR 2016, their option A.
    """
    stride = shortcut_stride(x.shape[1], size)
    return jnp.pad(x[:, ::stride, ::stride], ((0, filters - x.shape[0]), (0, 0), (0, 0), (0, 0)))


def shortcut_backward(dy: Branch, x: Maps) -> Maps:
    """dx = dy where x was taken, 0 elsewhere."""
    stride = shortcut_stride(x.shape[1], dy.shape[1])
    return jnp.zeros_like(x).at[:, ::stride, ::stride].set(dy[: x.shape[0]])


def shortcut_stride(height: int, size: int) -> int:
    """The stride at which maps of `height` rows have `size`; 0 if there is none."""
    stride = -(-height // size)
    return stride if -(-height // stride) == size else 0
