"""A block of a network, convolution, activation and pooling: how it is trained and how it infers."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array, Float

from fmnist_jax.networks.convolution import (
    convolution,
    inferred_convolution,
    inferred_windows,
    windowed_convolution,
    winograd_pays_in_training,
)
from fmnist_jax.networks.geometry import Geometry, Kernel
from fmnist_jax.networks.pooling import Maps, Pooling

Bias = Float[Array, " filters"]


@dataclass(frozen=True)
class Step:
    """What a block does to its maps."""

    geometry: Geometry
    """Of the convolution, of whose outputs only those count that the pooling looks at."""
    activation: Callable[[Any], Any]
    pooling: Pooling

    @property
    def has_windows(self) -> bool:
        """Whether convolution and pooling agree on 2x2 windows of outputs side by side."""
        return self.geometry.stride == 1 and self.pooling.of_windows is not None

    def pooled(self, Z: tuple[Maps, ...], bias: Bias) -> Maps:
        """pool(g(Z + bias)), Z the convolution's maps, whole or by their place in each window."""
        A = [self.activation(maps + bias[:, None, None, None]) for maps in Z]
        if len(A) == 1:
            return self.pooling.forward(A[0])
        assert self.pooling.of_windows is not None  # has_windows
        return self.pooling.of_windows(*A)


# Without a gradient a function with a custom_vjp runs as it stands; with one, the forward that was given
# to its defvjp runs in its place. So a block knows whether it trains.


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def block(x: Maps, kernel: Kernel, bias: Bias, step: Step) -> Maps:
    """pool(g(kernel * x + bias))."""
    if step.has_windows:
        return step.pooled(inferred_windows(x, kernel, step.geometry), bias)
    return step.pooled((inferred_convolution(x, kernel, step.geometry),), bias)


def trained_block(x: Maps, kernel: Kernel, bias: Bias, step: Step) -> Maps:
    """The same for training."""
    if step.has_windows and winograd_pays_in_training(x, kernel, step.geometry):
        return step.pooled(windowed_convolution(x, kernel, step.geometry), bias)
    return step.pooled((convolution(x, kernel, step.geometry),), bias)


block.defvjp(
    lambda x, kernel, bias, step: jax.vjp(
        functools.partial(trained_block, step=step), x, kernel, bias
    ),
    lambda step, backward, dy: backward(dy),
)
