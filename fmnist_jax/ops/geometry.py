"""What all ways to compute a convolution share: where its kernel's taps fall, and a hidden 1."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.pooling import Maps

Kernel = Float[Array, "height width inputs filters"]
One = Float[Array, ""]
"""The 1 of `hidden_one`."""


class Geometry(NamedTuple):
    """Where the taps of a square kernel fall: output i sees input i * stride + u - before at tap u."""

    stride: int
    before: int
    """Zeros before each row and column; behind it there are as many as the outputs need."""
    size: int
    """Height and width of the output."""


def padded(x: Maps, taps: int, geometry: Geometry) -> Maps:
    """x with the zeros that a kernel of so many taps sees: output i sees row i * stride + u at tap u."""
    stride, before, size = geometry
    after = (size - 1) * stride + taps - before - x.shape[1]
    sides = (before, after, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), sides, sides, (0, 0, 0)))


def padded_backward(dpadded: Maps, x: Maps, geometry: Geometry) -> Maps:
    """dx: what isn't zeros."""
    before, behind = geometry.before, x.shape[1] + geometry.before - dpadded.shape[1]
    sides = (-before, behind, 0)
    return lax.pad(dpadded, jnp.zeros((), x.dtype), ((0, 0, 0), sides, sides, (0, 0, 0)))


def hidden_one(x: Maps) -> One:
    """A 1 that the compiler can't see through; what it is for, `patches.patches` and `block.apart` tell.

    Forward and backward share one, so that the compiler finds their patches equal and computes them once.
    """
    return lax.optimization_barrier(jnp.ones((), x.dtype))
