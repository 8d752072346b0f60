"""Winograd's convolution at stride 1: m x m outputs at a time from fewer products than taps.

Such a block of outputs sees a tile d of (m + k - 1) x (m + k - 1) inputs through the k x k kernel g, and is

    Y = A^T M A,  M = U * V,  U = G g G^T,  V = B^T d B,

* element by element and summed over the channels: (m + k - 1)^2 products instead of m^2 k^2. For m = 2
these are 16 instead of 36 with 3x3 and 36 instead of 100 with 5x5; for m = 4, 64 instead of 400 with 5x5.
Over all tiles of a batch M is (m + k - 1)^2 matrix products. The transforms are linear, so that each
one's backward is its transpose. With 2x2 pooling each window becomes one output, and Y needn't be put
together to maps.

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016; the matrices by Toom and
Cook, from polynomials that take their values at `POINTS` and at infinity.
"""

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import Geometry, Kernel, One, padded, padded_backward
from fmnist_jax.ops.pooling import Maps, Windows

POINTS = tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2", "-1/2", "2")))
"""Where a kernel's polynomial is taken, with infinity: m + k - 2 of them serve m outputs of k taps.

The order costs few digits: in float32, 64 channels, 14x14, the largest error is 0.5 to 2 times that of
patches in y, 1 to 5 times in dx and 2 to 13 times in dkernel, from 2x2 to 5x5 (at most 6e-6 of the
largest entry); 2 in place of 1/2 costs two to three times that. Four outputs at a time of 5x5 double the
error of the windows' means (to 3e-6). `tests/networks/test_winograd.py` holds it.
"""

TAPS = range(2, 6)
"""Kernels that it does: more taps need more points, and these cost digits."""

Row = tuple[float, ...]
Products = Float[Array, "tile*tile channels tiles*tiles*batch"]


class Transforms(NamedTuple):
    """The matrices for one axis, row by row."""

    AT: tuple[Row, ...]
    """(m, m + k - 1)."""
    G: tuple[Row, ...]
    """(m + k - 1, k)."""
    BT: tuple[Row, ...]
    """(m + k - 1, m + k - 1)."""


@functools.cache
def transforms(taps: int, outputs: int) -> Transforms:
    """A^T, G and B^T for kernels of so many taps (in `TAPS`) and so many outputs (2 or 4)."""
    points = POINTS[: outputs + taps - 2]
    G, BT = [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        # The sign goes to B, so that G keeps the kernel's.
        sign = 1 if scale > 0 else -1
        G.append([point**tap / abs(scale) for tap in range(taps)])
        BT.append([sign * coefficient for coefficient in [*with_roots(others), Fraction(0)]])
    G.append([Fraction(tap == taps - 1) for tap in range(taps)])
    BT.append(with_roots(points))
    AT = [
        [*(point**output for point in points), Fraction(output == outputs - 1)]
        for output in range(outputs)
    ]
    return Transforms(*(tuple(tuple(map(float, row)) for row in rows) for rows in (AT, G, BT)))


def with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients, from the constant one up, of the product of (x - root)."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [a - root * b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def winograd(x: Maps, kernel: Kernel, one: One, geometry: Geometry) -> Windows:
    """The convolution's outputs by their place in each 2x2 window; `geometry.size` is even."""
    (a, b), (c, d) = _by_place(x, kernel, one, geometry, outputs=2)
    return a, b, c, d


def winograd_backward(
    x: Maps, kernel: Kernel, one: One, dY: Windows, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """dM = A dY A^T, dU = V dM^T and dV = U dM, from which (dx, dkernel).

    V is written down anew: a compiler that sees forward and backward in one program computes it once.
    """
    taps = kernel.shape[0]
    dM = output_transform_backward(dY, taps, one)
    dU = _products(input_transform(x, taps, one, geometry, outputs=2), 2, dM, 2)
    dV = _products(kernel_transform(kernel, outputs=2), 2, dM, 1)
    return input_transform_backward(dV, x, taps, one, geometry), kernel_transform_backward(dU, taps)


def winograd_pooled(
    x: Maps,
    kernel: Kernel,
    one: One,
    geometry: Geometry,
    outputs: int,
    pool: Callable[[Windows], Maps],
) -> Maps:
    """`pool` of the outputs' 2x2 windows, for inference; m, `outputs`, is 2 or 4."""
    Y = _by_place(x, kernel, one, geometry, outputs)
    firsts = range(0, outputs, 2)
    pooled = [
        [pool((Y[i][j], Y[i][j + 1], Y[i + 1][j], Y[i + 1][j + 1])) for j in firsts] for i in firsts
    ]
    maps = jnp.stack([jnp.stack(row, axis=3) for row in pooled], axis=2)
    side, size = maps.shape[1] * maps.shape[2], geometry.size // 2
    return maps.reshape(-1, side, side, x.shape[-1])[:, :size, :size]


def _by_place(
    x: Maps, kernel: Kernel, one: One, geometry: Geometry, outputs: int
) -> list[list[Maps]]:
    """Y by row and column in the tile; the last tiles may reach beyond `geometry.size`."""
    taps, tiles = kernel.shape[0], tiles_along(geometry, outputs)
    # M = U^T V, filters from channels.
    U = kernel_transform(kernel.swapaxes(2, 3), outputs)
    M = _products(U, 2, input_transform(x, taps, one, geometry, outputs), 1)
    return output_transform(M, taps, outputs, tiles, x.shape[-1])


def tiles_along(geometry: Geometry, outputs: int) -> int:
    """How many tiles an axis has."""
    return -(-geometry.size // outputs)


def input_transform(x: Maps, taps: int, one: One, geometry: Geometry, outputs: int) -> Products:
    """V = B^T d B of every tile, which overlaps the next one by k - 1."""
    x = padded(x, taps, geometry._replace(size=tiles_along(geometry, outputs) * outputs))
    BT = transforms(taps, outputs).BT
    # Times one for the reason that `patches` tells.
    rows = jnp.stack([combined(row, _seen(x, 1, taps, outputs)) * one for row in BT])
    V = [combined(row, _seen(rows, 3, taps, outputs)) * one for row in BT]
    return jnp.stack(V, axis=1).reshape(len(BT) ** 2, x.shape[0], -1)


def input_transform_backward(
    dV: Products, x: Maps, taps: int, one: One, geometry: Geometry
) -> Maps:
    """dx: B dV B^T, the overlapping tiles added up; two outputs a tile."""
    tile, windows = taps + 1, geometry.size // 2
    dtiles = dV.reshape(tile, tile, x.shape[0], windows, windows, x.shape[-1])
    B = list(zip(*transforms(taps, 2).BT, strict=True))
    columns = [combined(row, [dtiles[:, i] for i in range(tile)]) for row in B]
    drows = _seen_backward(columns, 3, one)
    dx = _seen_backward([combined(row, list(drows)) for row in B], 1, one)
    return padded_backward(dx, x, geometry)


def kernel_transform(
    kernel: Float[Array, "taps taps rows columns"], outputs: int
) -> Float[Array, "tile*tile rows columns"]:
    """U = G g G^T."""
    G = transforms(kernel.shape[0], outputs).G
    rows = jnp.stack([combined(row, list(kernel)) for row in G])
    taps = range(kernel.shape[0])
    U = jnp.stack([combined(row, [rows[:, tap] for tap in taps]) for row in G], axis=1)
    return U.reshape(-1, *kernel.shape[2:])


def kernel_transform_backward(
    dU: Float[Array, "tile*tile rows columns"], taps: int
) -> Float[Array, "taps taps rows columns"]:
    """dg = G^T dU G; two outputs a tile."""
    GT = list(zip(*transforms(taps, 2).G, strict=True))
    tile = taps + 1
    dU = dU.reshape(tile, tile, *dU.shape[1:])
    columns = jnp.stack([combined(row, [dU[:, i] for i in range(tile)]) for row in GT], axis=1)
    return jnp.stack([combined(row, list(columns)) for row in GT])


def output_transform(
    M: Products, taps: int, outputs: int, tiles: int, batch: int
) -> list[list[Maps]]:
    """Y = A^T M A, by row and column in the tile."""
    AT = transforms(taps, outputs).AT
    tile = range(outputs + taps - 1)
    maps = M.reshape(len(tile), len(tile), -1, tiles, tiles, batch)
    rows = [[combined(row, [maps[i, j] for i in tile]) for j in tile] for row in AT]
    return [[combined(row, values) for row in AT] for values in rows]


def output_transform_backward(dY: Windows, taps: int, one: One) -> Products:
    """dM = A dY A^T; two outputs a tile."""
    A = list(zip(*transforms(taps, 2).AT, strict=True))
    a, b, c, d = dY
    rows = [(combined(row, (a, c)), combined(row, (b, d))) for row in A]
    dM = [combined(row, values) * one for values, row in product(rows, A)]
    return jnp.stack(dM).reshape(len(dM), a.shape[0], -1)


def combined(coefficients: Sequence[float], values: Sequence[Any]) -> Any:
    """The sum of coefficient times value, without those that are 0."""
    terms = [
        (coefficient, value)
        for coefficient, value in zip(coefficients, values, strict=True)
        if coefficient
    ]
    coefficient, value = terms[0]
    total = value if coefficient == 1 else coefficient * value
    for coefficient, value in terms[1:]:
        term = value if abs(coefficient) == 1 else abs(coefficient) * value
        total = total + term if coefficient > 0 else total - term
    return total


def _products(a: Any, a_axis: int, b: Any, b_axis: int) -> Any:
    """A matrix product for each place of the tile, the first axis, summing over those axes."""
    return lax.dot_general(a, b, (((a_axis,), (b_axis,)), ((0,), (0,))))


def _seen(x: Any, axis: int, taps: int, outputs: int) -> list[Any]:
    """Along an axis, what each place of the tiles sees: every m-th entry from there on."""
    tile = outputs + taps - 1
    last = x.shape[axis] - tile  # the place at which the last tile begins
    return [lax.slice_in_dim(x, place, place + last + 1, outputs, axis) for place in range(tile)]


def _seen_backward(dseen: Sequence[Any], axis: int, one: One) -> Any:
    """What each place of tiles of two outputs saw, added up where it saw it; what none reaches is 0.

    Even entries and odd ones are added up apart, and then put between each other.
    """
    shape, zero = dseen[0].shape, jnp.zeros((), one.dtype)
    length = shape[axis] + (len(dseen) - 1) // 2
    halves = []
    for first in range(2):
        half = zero
        for shift, part in enumerate(dseen[first::2]):
            sides = [(0, 0, 0)] * len(shape)
            sides[axis] = (shift, length - shape[axis] - shift, 0)
            half = half + lax.pad(part, zero, sides)
        halves.append(half * one)
    whole = jnp.stack(halves, axis=axis + 1)
    return whole.reshape(*shape[:axis], 2 * length, *shape[axis + 1 :])
