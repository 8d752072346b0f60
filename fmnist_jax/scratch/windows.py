"""Windows of maps: what each position of a kernel or a pooling window covers, with the backward beneath.

Maps are (channels, height, width, batch). A window of height x width taps moves by `stride`; tap (u, v) of
the window at output (i, j) covers the input (i * stride + u, j * stride + v).
"""

from collections.abc import Iterator

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Maps = Float[Array, "channels height width batch"]
PaddedMaps = Float[Array, "channels padded_height padded_width batch"]
Windows = Float[Array, "taps channels out_height out_width batch"]
Tap = Float[Array, "channels out_height out_width batch"]

Padding = tuple[int, int]
"""Zeros before and after each row and column."""


def pad(x: Maps, padding: Padding) -> PaddedMaps:
    """Surround each map with zeros: `padding` before and after each row and column.

    Examples:
        >>> pad(jnp.ones((1, 2, 2, 1)), (1, 0))[0, :, :, 0].tolist()
        [[0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """
    return jnp.pad(x, ((0, 0), padding, padding, (0, 0)))


def pad_backward(dpadded: PaddedMaps, padding: Padding) -> Maps:
    """dx = dpadded without the borders, whose zeros are constants."""
    before, after = padding
    _, height, width, _ = dpadded.shape
    return dpadded[:, before : height - after, before : width - after]


def windows(x: Maps, size: tuple[int, int], stride: int) -> Windows:
    """Return what each tap covers: entry [t, c, i, j, n] is x[c, i * stride + u, j * stride + v, n].

    Args:
        x: Maps (channels, height, width, batch), at least as large as a window.
        size: Height and width of the window.
        stride: Distance of windows. Rows and columns that no whole window covers are dropped.

    Returns:
        The windows (taps, channels, out_height, out_width, batch). Taps are in the order of rows:
        t = u * width + v for the tap (u, v). out_height = (height - size[0]) // stride + 1.

    Examples:
        >>> x = jnp.arange(9.0).reshape(1, 3, 3, 1)
        >>> windows(x, (2, 2), 1)[:, 0, 0, 0, 0].tolist()  # the taps of the first window
        [0.0, 1.0, 3.0, 4.0]
    """
    return jnp.stack([x[:, rows, columns] for rows, columns in _covered(x, size, stride)])


def windows_backward(dwindows: Windows, x: Maps, size: tuple[int, int], stride: int) -> Maps:
    """dx: each entry of x receives the sum of dwindows over all taps that cover it."""
    dx = jnp.zeros_like(x)
    for dtap, (rows, columns) in zip(dwindows, _covered(x, size, stride), strict=True):
        dx = dx + _put(dtap, x, rows, columns)
    return dx


def _covered(x: Maps, size: tuple[int, int], stride: int) -> Iterator[tuple[slice, slice]]:
    """For each tap the rows and columns that it covers, over all windows."""
    _, height, width, _ = x.shape
    for u in range(size[0]):
        for v in range(size[1]):
            yield (
                slice(u, height - size[0] + u + 1, stride),
                slice(v, width - size[1] + v + 1, stride),
            )


def _put(dtap: Tap, x: Maps, rows: slice, columns: slice) -> Maps:
    """dtap in these rows and columns of maps in the shape of x, 0 elsewhere."""
    borders = []
    for length, at in zip(x.shape[1:3], (rows, columns), strict=True):
        last = range(length)[at][-1]
        borders.append((at.start, length - 1 - last, at.step - 1))
    return lax.pad(dtap, jnp.zeros((), x.dtype), ((0, 0, 0), *borders, (0, 0, 0)))
