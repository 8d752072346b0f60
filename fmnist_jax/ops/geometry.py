"""Array shapes, padding and the opaque 1 that all convolution algorithms share.

The batch is the last axis: on a CPU every copy, sum and maximum then runs over whole vectors, and the
matrix products are wide.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Maps = Float[Array, "channels height width batch"]
"""Inputs of a convolution."""
Kernel = Float[Array, "taps taps channels filters"]
"""Weights of a convolution; a tap is one position in the kernel's row or column."""
Outputs = Float[Array, "filters rows columns batch"]
"""Outputs of a convolution."""
OpaqueOne = Float[Array, ""]
"""The 1 that `opaque_one` returns."""


class Geometry(NamedTuple):
    """Where a square kernel falls on its input: output i reads input i * stride + tap - pad_before."""

    stride: int
    pad_before: int
    """Zeros before each row and column; after it there are as many as the outputs need."""
    output_size: int
    """Height and width of the output."""


def pad_input(x: Maps, taps: int, geometry: Geometry) -> Float[Array, "channels _ _ batch"]:
    """Pad x (or crop its end), so that output i reads row i * stride + tap of the result."""
    stride, before, size = geometry
    after = (size - 1) * stride + taps - before - x.shape[1]
    sides = (before, after, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), sides, sides, (0, 0, 0)))


def pad_input_backward(
    dpadded: Float[Array, "channels _ _ batch"], x: Maps, geometry: Geometry
) -> Maps:
    """dx: dpadded without its borders."""
    before, after = geometry.pad_before, x.shape[1] + geometry.pad_before - dpadded.shape[1]
    sides = (-before, after, 0)
    return lax.pad(dpadded, jnp.zeros((), dpadded.dtype), ((0, 0, 0), sides, sides, (0, 0, 0)))


def opaque_one(x: Maps) -> OpaqueOne:
    """Return a 1 whose value XLA cannot see.

    A copy times this 1 counts as arithmetic, which XLA:CPU runs on all cores; a mere copy runs on one.
    Forward and backward pass share one, so that XLA finds their patches equal and builds them once.
    """
    return lax.optimization_barrier(jnp.ones((), x.dtype))
