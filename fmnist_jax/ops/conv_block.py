"""A convolutional block, pool(g(kernel * x + bias)), with separate code for training and inference."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fmnist_jax.ops.conv import convolution, convolution_windows
from fmnist_jax.ops.direct import direct_conv, direct_conv_windows
from fmnist_jax.ops.dispatch import (
    dispatch_forward,
    use_direct,
    use_im2col,
    use_winograd,
    use_winograd_in_training,
    winograd_tile_outputs,
)
from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, OpaqueOne, Outputs, opaque_one
from fmnist_jax.ops.im2col import im2col_conv
from fmnist_jax.ops.pooling import Pooled, Pooling, Windows
from fmnist_jax.ops.winograd import winograd_pooled
from fmnist_jax.ops.xla import xla_conv

Bias = Float[Array, " filters"]


@dataclass(frozen=True)
class ConvBlock:
    """What a block computes, apart from its weights."""

    geometry: Geometry
    """Of the convolution; outputs that the pooling ignores are left out of its size."""
    activation: Callable[[Any], Any]
    """g."""
    pooling: Pooling

    @property
    def pools_windows(self) -> bool:
        """Whether the convolution may compute its outputs window by window: 2x2 pooling and stride 1."""
        return self.geometry.stride == 1 and self.pooling.forward_windows is not None

    def finish(self, Z: Outputs, bias: Bias) -> Pooled:
        """pool(g(Z + bias)) of the convolution's outputs Z."""
        return self.pooling.forward(self.activation(Z + bias[:, None, None, None]))

    def finish_windows(self, Z: Windows, bias: Bias) -> Pooled:
        """`finish` of the outputs by their position in each window; only where `pools_windows`."""
        assert self.pooling.forward_windows is not None
        a, b, c, d = (self.activation(position + bias[:, None, None, None]) for position in Z)
        return self.pooling.forward_windows(a, b, c, d)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def conv_block(x: Maps, kernel: Kernel, bias: Bias, block: ConvBlock) -> Pooled:
    """pool(g(kernel * x + bias)).

    JAX runs this body only where no gradient is taken. Where one is, it runs `conv_block_train` instead.
    """
    one = opaque_one(x)
    return dispatch_forward(
        conv_block_infer_cpu, conv_block_infer_xla, x, kernel, bias, one, block=block
    )


conv_block.defvjp(
    lambda x, kernel, bias, block: jax.vjp(
        functools.partial(conv_block_train, block=block), x, kernel, bias
    ),
    lambda block, backward, dy: backward(dy),
)


def conv_block_train(x: Maps, kernel: Kernel, bias: Bias, block: ConvBlock) -> Pooled:
    """The block for training, built from differentiable operations."""
    sizes = x.shape[0], kernel.shape[0]
    if block.pools_windows and use_winograd_in_training(*sizes, block.geometry):
        return block.finish_windows(convolution_windows(x, kernel, block.geometry), bias)
    return block.finish(convolution(x, kernel, block.geometry), bias)


def conv_block_infer_xla(
    x: Maps, kernel: Kernel, bias: Bias, one: OpaqueOne, block: ConvBlock
) -> Pooled:
    """The block for inference on GPU and TPU."""
    return block.finish(xla_conv(x, kernel, one, block.geometry), bias)


def conv_block_infer_cpu(
    x: Maps, kernel: Kernel, bias: Bias, one: OpaqueOne, block: ConvBlock
) -> Pooled:
    """The block for inference on a CPU, by algorithms that are faster without gradients."""
    geometry = block.geometry
    if block.pools_windows and use_winograd(x.shape[0], kernel.shape[0]):
        outputs = winograd_tile_outputs(kernel, geometry)
        pool = functools.partial(block.finish_windows, bias=bias)
        return winograd_pooled(x, kernel, one, geometry, outputs, pool)
    if use_direct(x, kernel):
        # Without the barrier XLA reads the images in their original layout, with the batch first: slow.
        x = lax.optimization_barrier(x)
        if block.pools_windows:
            return block.finish_windows(direct_conv_windows(x, kernel, geometry), bias)
        return block.finish(direct_conv(x, kernel, geometry), bias)
    forward = im2col_conv if use_im2col(x, kernel, geometry) else xla_conv
    return fusion_barrier(lambda: block.finish(forward(x, kernel, one, geometry), bias), one)


def fusion_barrier(function: Callable[[], Pooled], one: OpaqueOne) -> Pooled:
    """function(), which XLA does not fuse with the operations before and after it.

    With fusion, im2col recomputes its input for every patch that contains it. XLA cannot know that this
    branch is always taken. `lax.optimization_barrier` is not enough: JAX 0.10 drops it before fusion.
    """
    result = jax.eval_shape(function)
    return lax.cond(one > 0, function, lambda: jnp.zeros(result.shape, result.dtype))
