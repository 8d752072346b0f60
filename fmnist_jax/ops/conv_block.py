"""A block of a network, convolution, activation and pooling: how it is trained and how it infers."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.conv import (
    by_platform,
    convolution,
    patches_pay,
    windowed_convolution,
    winograd_pays,
    winograd_pays_in_training,
)
from fmnist_jax.ops.direct import MOST_TAPS, direct, direct_windows
from fmnist_jax.ops.geometry import Geometry, Kernel, One, hidden_one
from fmnist_jax.ops.im2col import by_patches
from fmnist_jax.ops.pooling import Maps, Pooling, Windows
from fmnist_jax.ops.winograd import TAPS, winograd_pooled
from fmnist_jax.ops.xla import native

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

    def of_maps(self, Z: Maps, bias: Bias) -> Maps:
        """pool(g(Z + bias)), Z the convolution's outputs."""
        return self.pooling.forward(self.activation(Z + _shaped(bias)))

    def of_windows(self, Z: Windows, bias: Bias) -> Maps:
        """The same of outputs by their place in each window."""
        assert self.pooling.of_windows is not None  # has_windows
        return self.pooling.of_windows(*(self.activation(place + _shaped(bias)) for place in Z))


def _shaped(bias: Bias) -> Float[Array, "filters 1 1 1"]:
    return bias[:, None, None, None]


# Without a gradient a function with a custom_vjp runs as it stands; with one, the forward that was given
# to its defvjp runs in its place. So a block knows whether it trains.


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def block(x: Maps, kernel: Kernel, bias: Bias, step: Step) -> Maps:
    """pool(g(kernel * x + bias))."""
    return by_platform(
        inferred_on_cpu, inferred_natively, x, kernel, bias, hidden_one(x), step=step
    )


def trained_block(x: Maps, kernel: Kernel, bias: Bias, step: Step) -> Maps:
    """The same for training."""
    if step.has_windows and winograd_pays_in_training(x, kernel, step.geometry):
        return step.of_windows(windowed_convolution(x, kernel, step.geometry), bias)
    return step.of_maps(convolution(x, kernel, step.geometry), bias)


block.defvjp(
    lambda x, kernel, bias, step: jax.vjp(
        functools.partial(trained_block, step=step), x, kernel, bias
    ),
    lambda step, backward, dy: backward(dy),
)


def inferred_natively(x: Maps, kernel: Kernel, bias: Bias, one: One, step: Step) -> Maps:
    """The same for inference, on GPU and TPU."""
    return step.of_maps(native(x, kernel, one, step.geometry), bias)


def inferred_on_cpu(x: Maps, kernel: Kernel, bias: Bias, one: One, step: Step) -> Maps:
    """The same on a CPU, by shorter ways than training has."""
    geometry = step.geometry
    if step.has_windows and winograd_pays(x, kernel):
        outputs = outputs_of_a_tile(kernel, geometry)
        pool = functools.partial(step.of_windows, bias=bias)
        return winograd_pooled(x, kernel, one, geometry, outputs, pool)
    if sums_pay(x, kernel):
        # Laid out as maps are: the compiler would read images across, as they were before.
        x = lax.optimization_barrier(x)
        if step.has_windows:
            return step.of_windows(direct_windows(x, kernel, geometry), bias)
        return step.of_maps(direct(x, kernel, geometry), bias)
    forward = by_patches if patches_pay(x, kernel, geometry) else native
    return apart(lambda: step.of_maps(forward(x, kernel, one, geometry), bias), one)


def outputs_of_a_tile(kernel: Kernel, geometry: Geometry) -> int:
    """By Winograd's products in inference, how many outputs along an axis pay best at a time.

    Four take fewer products than two but more sums, which pays for many taps and more than one window.
    """
    return 4 if kernel.shape[0] == max(TAPS) and geometry.size > 2 else 2


def sums_pay(x: Maps, kernel: Kernel) -> bool:
    """Whether inference does best with the sum over taps itself."""
    return x.shape[0] == 1 and kernel.shape[0] <= MOST_TAPS


def apart(function: Callable[[], Maps], one: One) -> Maps:
    """function(), of which the compiler merges nothing with what is before and behind it.

    Otherwise it computes the maps that patches see anew for each patch that sees them. It can't know that
    this branch is always taken, and finishes what a branch takes before it, what one gives within it. (JAX
    0.12 would respect an `optimization_barrier` there, 0.10 forgets it before it decides.)
    """
    result = jax.eval_shape(function)
    return lax.cond(one > 0, function, lambda: jnp.zeros(result.shape, result.dtype))
