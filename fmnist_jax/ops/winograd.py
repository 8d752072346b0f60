"""Winograd's convolution at stride 1: m x m outputs at a time, with fewer products than the plain sum.

For m x m outputs, a k x k kernel g reads a tile d of (m + k - 1) x (m + k - 1) inputs. The outputs are

    Y = A^T M A,  M = U * V,  U = G g G^T,  V = B^T d B,

where * multiplies element by element and sums over the channels. Over all tiles of a batch, M is
(m + k - 1)^2 matrix products. The transforms are linear, so each backward is the transpose of its forward.

References: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016; the matrices are by
Toom and Cook.
"""

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.geometry import (
    Geometry,
    Kernel,
    Maps,
    OpaqueOne,
    pad_input,
    pad_input_backward,
)
from fmnist_jax.ops.pooling import Pooled, Windows

INTERPOLATION_POINTS = tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2", "-1/2", "2")))
"""Where polynomials are evaluated, besides infinity: m outputs of k taps need the first m + k - 2 points.

The order affects rounding errors: see `docs/benchmarks.md` and `tests/ops/test_winograd.py`.
"""

SUPPORTED_TAPS = range(2, 6)
"""Kernel sizes; larger ones need more points, and each further point costs accuracy."""

Row = tuple[float, ...]
InputTiles = Float[Array, "places channels columns"]
"""V, or its gradient: a matrix for each place in the tile, a column for each tile of each image."""
OutputTiles = Float[Array, "places filters columns"]
"""M, or its gradient."""


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
    """A^T, G and B^T for k = taps, in `SUPPORTED_TAPS`, and m = outputs, 2 or 4."""
    points = INTERPOLATION_POINTS[: outputs + taps - 2]
    G, BT = [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        # The sign goes to B, so that the rows of G keep the kernel's sign.
        sign = 1 if scale > 0 else -1
        G.append([point**tap / abs(scale) for tap in range(taps)])
        BT.append(
            [sign * coefficient for coefficient in [*polynomial_from_roots(others), Fraction(0)]]
        )
    G.append([Fraction(tap == taps - 1) for tap in range(taps)])
    BT.append(polynomial_from_roots(points))
    AT = [
        [*(point**output for point in points), Fraction(output == outputs - 1)]
        for output in range(outputs)
    ]
    return Transforms(*(tuple(tuple(map(float, row)) for row in rows) for rows in (AT, G, BT)))


def polynomial_from_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients, from the constant one up, of the product of (x - root)."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [a - root * b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def winograd_windows(x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry) -> Windows:
    """The convolution's outputs by their position in each 2x2 window; the output size must be even."""
    (a, b), (c, d) = _tile_outputs(x, kernel, one, geometry, outputs=2)
    return a, b, c, d


def winograd_windows_backward(
    x: Maps, kernel: Kernel, one: OpaqueOne, dY: Windows, geometry: Geometry
) -> tuple[Maps, Kernel]:
    """dM = A dY A^T, dU = V dM^T and dV = U dM, from which (dx, dkernel).

    V is recomputed; XLA's common-subexpression elimination merges it with the forward pass.
    """
    taps = kernel.shape[0]
    dM = output_transform_backward(dY, taps, one)
    dU = _batched_product(input_transform(x, taps, one, geometry, outputs=2), 2, dM, 2)
    dV = _batched_product(kernel_transform(kernel, outputs=2), 2, dM, 1)
    return input_transform_backward(dV, x, taps, one, geometry), kernel_transform_backward(dU, taps)


def winograd_pooled(
    x: Maps,
    kernel: Kernel,
    one: OpaqueOne,
    geometry: Geometry,
    outputs: int,
    pool: Callable[[Windows], Pooled],
) -> Pooled:
    """`pool` of the outputs' 2x2 windows, for inference; m, `outputs`, is 2 or 4."""
    Y = _tile_outputs(x, kernel, one, geometry, outputs)
    firsts = range(0, outputs, 2)
    pooled = [
        [pool((Y[i][j], Y[i][j + 1], Y[i + 1][j], Y[i + 1][j + 1])) for j in firsts] for i in firsts
    ]
    maps = jnp.stack([jnp.stack(row, axis=3) for row in pooled], axis=2)
    side, size = maps.shape[1] * maps.shape[2], geometry.output_size // 2
    return maps.reshape(-1, side, side, x.shape[-1])[:, :size, :size]


def _tile_outputs(
    x: Maps, kernel: Kernel, one: OpaqueOne, geometry: Geometry, outputs: int
) -> list[list[Float[Array, "filters tiles tiles batch"]]]:
    """Y by row and column in the tile; the last tiles may reach beyond the output size."""
    taps, tiles = kernel.shape[0], tile_count(geometry, outputs)
    # M = U^T V. Here U's matrices have filters as rows, channels as columns.
    U = kernel_transform(kernel.swapaxes(2, 3), outputs)
    M = _batched_product(U, 2, input_transform(x, taps, one, geometry, outputs), 1)
    return output_transform(M, taps, outputs, tiles, x.shape[-1])


def tile_count(geometry: Geometry, outputs: int) -> int:
    """Number of tiles along an axis."""
    return -(-geometry.output_size // outputs)


def input_transform(
    x: Maps, taps: int, one: OpaqueOne, geometry: Geometry, outputs: int
) -> InputTiles:
    """V = B^T d B of every tile; neighbouring tiles overlap by k - 1."""
    x = pad_input(x, taps, geometry._replace(output_size=tile_count(geometry, outputs) * outputs))
    BT = transforms(taps, outputs).BT
    rows = jnp.stack(
        [linear_combination(row, _tile_places(x, 1, taps, outputs)) * one for row in BT]
    )
    V = [linear_combination(row, _tile_places(rows, 3, taps, outputs)) * one for row in BT]
    return jnp.stack(V, axis=1).reshape(len(BT) ** 2, x.shape[0], -1)


def input_transform_backward(
    dV: InputTiles, x: Maps, taps: int, one: OpaqueOne, geometry: Geometry
) -> Maps:
    """dx = B dV B^T, summed where tiles overlap; for two outputs a tile."""
    tile, windows = taps + 1, geometry.output_size // 2
    dtiles = dV.reshape(tile, tile, x.shape[0], windows, windows, x.shape[-1])
    B = list(zip(*transforms(taps, 2).BT, strict=True))
    columns = [linear_combination(row, [dtiles[:, i] for i in range(tile)]) for row in B]
    drows = _tile_places_backward(columns, 3, one)
    dx = _tile_places_backward([linear_combination(row, list(drows)) for row in B], 1, one)
    return pad_input_backward(dx, x, geometry)


def kernel_transform(
    kernel: Float[Array, "taps taps matrix_rows matrix_columns"], outputs: int
) -> Float[Array, "places matrix_rows matrix_columns"]:
    """U = G g G^T."""
    G = transforms(kernel.shape[0], outputs).G
    rows = jnp.stack([linear_combination(row, list(kernel)) for row in G])
    taps = range(kernel.shape[0])
    U = [linear_combination(row, [rows[:, tap] for tap in taps]) for row in G]
    return jnp.stack(U, axis=1).reshape(-1, *kernel.shape[2:])


def kernel_transform_backward(
    dU: Float[Array, "places matrix_rows matrix_columns"], taps: int
) -> Float[Array, "taps taps matrix_rows matrix_columns"]:
    """dg = G^T dU G; for two outputs a tile."""
    GT = list(zip(*transforms(taps, 2).G, strict=True))
    tile = taps + 1
    dU = dU.reshape(tile, tile, *dU.shape[1:])
    columns = [linear_combination(row, [dU[:, i] for i in range(tile)]) for row in GT]
    dG = jnp.stack(columns, axis=1)
    return jnp.stack([linear_combination(row, list(dG)) for row in GT])


def output_transform(
    M: OutputTiles, taps: int, outputs: int, tiles: int, batch: int
) -> list[list[Float[Array, "filters tiles tiles batch"]]]:
    """Y = A^T M A, by row and column in the tile."""
    AT = transforms(taps, outputs).AT
    tile = range(outputs + taps - 1)
    maps = M.reshape(len(tile), len(tile), -1, tiles, tiles, batch)
    rows = [[linear_combination(row, [maps[i, j] for i in tile]) for j in tile] for row in AT]
    return [[linear_combination(row, values) for row in AT] for values in rows]


def output_transform_backward(dY: Windows, taps: int, one: OpaqueOne) -> OutputTiles:
    """dM = A dY A^T; for two outputs a tile."""
    A = list(zip(*transforms(taps, 2).AT, strict=True))
    a, b, c, d = dY
    rows = [(linear_combination(row, (a, c)), linear_combination(row, (b, d))) for row in A]
    dM = [linear_combination(row, values) * one for values, row in product(rows, A)]
    return jnp.stack(dM).reshape(len(dM), a.shape[0], -1)


def linear_combination(coefficients: Sequence[float], values: Sequence[Array]) -> Array:
    """The sum of coefficient times value, without the terms and factors that change nothing."""
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


def _batched_product(
    a: Float[Array, "places _ _"], a_axis: int, b: Float[Array, "places _ _"], b_axis: int
) -> Float[Array, "places _ _"]:
    """One matrix product for each place in the tile, summed over the given axes."""
    return lax.dot_general(a, b, (((a_axis,), (b_axis,)), ((0,), (0,))))


def _tile_places(x: Array, axis: int, taps: int, outputs: int) -> list[Array]:
    """For each place in the tile, the entries at that place in all tiles: every m-th along the axis."""
    tile = outputs + taps - 1
    last = x.shape[axis] - tile  # where the last tile starts
    return [lax.slice_in_dim(x, place, place + last + 1, outputs, axis) for place in range(tile)]


def _tile_places_backward(dplaces: Sequence[Array], axis: int, one: OpaqueOne) -> Array:
    """dx: the gradients of all places, summed where tiles overlap; for two outputs a tile.

    Even and odd entries of dx are summed separately, then interleaved.
    """
    shape, zero = dplaces[0].shape, jnp.zeros((), one.dtype)
    length = shape[axis] + (len(dplaces) - 1) // 2
    halves = []
    for first in range(2):
        half = zero
        for shift, part in enumerate(dplaces[first::2]):
            sides = [(0, 0, 0)] * len(shape)
            sides[axis] = (shift, length - shape[axis] - shift, 0)
            half = half + lax.pad(part, zero, sides)
        halves.append(half * one)
    interleaved = jnp.stack(halves, axis=axis + 1)
    return interleaved.reshape(*shape[:axis], 2 * length, *shape[axis + 1 :])
