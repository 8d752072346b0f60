"""The Flax (NNX) modules: one convolutional network, whatever its description says."""

from collections.abc import Sequence
from math import prod

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, DTypeLike, Float, Key

from fmnist_jax.config.fields import format_array
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import Block, ConvNetConfig, MapSizes
from fmnist_jax.ops.conv import convolution
from fmnist_jax.ops.conv_block import Bias, ConvBlock, conv_block
from fmnist_jax.ops.geometry import Geometry, Kernel, Maps, Outputs
from fmnist_jax.ops.pooling import Pooled
from fmnist_jax.scratch.batch_norm import EPSILON, BatchNorm, Moments, batch_norm_train
from fmnist_jax.scratch.dropout import dropout, dropout_mask
from fmnist_jax.scratch.initializers import Initializer
from fmnist_jax.scratch.residual import residual_add, shortcut

Images = Float[Array, "batch 28 28"]
AnyMaps = Float[Array, "_ _ _ batch"]
"""Maps of any block."""


class Convolution(nnx.Module):
    """A block: convolution, activation, pooling."""

    def __init__(
        self,
        block: Block,
        sizes: MapSizes,
        inputs: int,
        config: ConvNetConfig,
        key: Key[Array, ""],
        dtype: DTypeLike,
    ) -> None:
        area = block.kernel**2
        W, b = config.initializer(key, area * inputs, area * block.filters, dtype, block.filters)
        self.kernel = nnx.Param(W.reshape(block.kernel, block.kernel, inputs, block.filters))
        """(height, width, inputs, filters)."""
        self.batch_norm = config.batch_norm
        if config.batch_norm:
            self.gamma, self.beta = nnx.Param(jnp.ones_like(b)), nnx.Param(jnp.zeros_like(b))
            self.mean = nnx.BatchStat(jnp.zeros_like(b))
            self.variance = nnx.BatchStat(jnp.ones_like(b))
        else:
            self.bias = nnx.Param(b)
        self.block, self.sizes = block, sizes
        geometry = Geometry(block.stride, block.sides[0], sizes.used)
        self.spec = ConvBlock(geometry, config.activation.forward, block.pooling)

    def __call__(self, inputs: Sequence[AnyMaps]) -> Pooled:
        """pool(g(kernel * x + bias)) for the last x of `inputs`; what the pooling ignores isn't computed.

        With batch normalisation, kernel and bias are those that include it; a shortcut is added before g.
        """
        x, block = inputs[-1], self.block
        if not x.shape[-1]:  # no images, so no sizes to infer
            return jnp.zeros((block.filters, self.sizes.pooled, self.sizes.pooled, 0), x.dtype)
        kernel, bias = self.folded()
        if not block.shortcut:
            return conv_block(x, kernel, bias, self.spec)
        Z = convolution(x, kernel, self.spec.geometry)
        return self.spec.finish(self._with_shortcut(Z, inputs), bias)

    def train_maps(self, inputs: Sequence[AnyMaps]) -> tuple[Pooled, tuple[Moments, ...]]:
        """The same in training, normalised by the batch; also the batch's moments, if it is."""
        if not self.batch_norm:
            return self(inputs), ()
        Z = convolution(inputs[-1], self.kernel[...], self.spec.geometry)
        Y, moments = batch_norm_train(Z, BatchNorm(self.gamma[...], self.beta[...]))
        Y = self._with_shortcut(Y, inputs)
        return self.spec.pooling.forward(self.spec.activation(Y)), (moments,)

    def folded(self) -> tuple[Kernel, Bias]:
        """Kernel and bias for inference, batch normalisation by the running moments included."""
        if not self.batch_norm:
            return self.kernel[...], self.bias[...]
        scale = self.gamma[...] * lax.rsqrt(self.variance[...] + EPSILON)
        return self.kernel[...] * scale[None, None, None], self.beta[...] - scale * self.mean[...]

    def _with_shortcut(self, Y: Outputs, inputs: Sequence[AnyMaps]) -> Outputs:
        if not self.block.shortcut:
            return Y
        return residual_add(Y, shortcut(inputs[-self.block.shortcut], *Y.shape[:2]))


class Dense(nnx.Module):
    """A dense layer."""

    def __init__(
        self,
        inputs: int,
        units: int,
        initializer: Initializer,
        key: Key[Array, ""],
        dtype: DTypeLike,
    ) -> None:
        W, b = initializer(key, inputs, units, dtype)
        self.kernel, self.bias = nnx.Param(W), nnx.Param(b)

    def __call__(self, A: Float[Array, "batch inputs"]) -> Float[Array, "batch units"]:
        """Z = A W + b."""
        return A @ self.kernel[...] + self.bias[...][None, :]


class ConvNet(nnx.Module):
    """Blocks, then dense layers: the features and the logits of scaled images."""

    def __init__(
        self, config: ConvNetConfig, key: Key[Array, ""], dtype: DTypeLike = jnp.float32
    ) -> None:
        blocks, sizes = config.blocks, config.dense_sizes
        keys = jax.random.split(key, len(blocks) + len(sizes))
        self.blocks = nnx.List(
            Convolution(block, maps, channels, config, key, dtype)
            for block, maps, channels, key in zip(
                blocks, config.map_sizes, config.channels, keys[: len(blocks)], strict=True
            )
        )
        self.dense = nnx.List(
            Dense(fan_in, units, config.dense_initializer or config.initializer, key, dtype)
            for (fan_in, units), key in zip(sizes, keys[len(blocks) :], strict=True)
        )
        self.config = config

    def maps(self, images: Images) -> tuple[AnyMaps, ...]:
        """Compute what each block makes of the images: maps (filters, height, width, batch).

        Raises UserError for images of another shape or type.
        """
        inputs = [as_maps(images)]
        for block in self.blocks:
            inputs.append(block(inputs))
        return tuple(inputs[1:])

    def features(self, images: Images) -> Float[Array, "batch features"]:
        """Compute the last maps of each image, flattened."""
        return flatten(self.maps(images)[-1])

    def __call__(self, images: Images) -> Float[Array, "batch classes"]:
        """The logits."""
        return self.logits(self.features(images))

    def logits(
        self, A: Float[Array, "batch features"], key: Key[Array, ""] | None = None
    ) -> Float[Array, "batch classes"]:
        """Compute the logits from the features; `key` draws the dropout masks, None drops nothing."""
        for index, layer in enumerate(self.dense):
            if index:
                A = self.config.activation.forward(A)
            if key is not None and self.config.dropout:
                mask = dropout_mask(jax.random.fold_in(key, index), self.config.dropout, A)
                A = dropout(A, mask)
            A = layer(A)
        return A

    def train_logits(
        self, images: Images, key: Key[Array, ""]
    ) -> tuple[Float[Array, "batch classes"], tuple[Moments, ...]]:
        """Compute the logits in training, and the batch's moments of each normalisation."""
        inputs, moments = [as_maps(images)], []
        for block in self.blocks:
            maps, normalised_by = block.train_maps(inputs)
            inputs.append(maps)
            moments += normalised_by
        return self.logits(flatten(inputs[-1]), key), tuple(moments)


def flatten(maps: Maps) -> Float[Array, "batch features"]:
    """Each image's maps in a row."""
    return maps.reshape(prod(maps.shape[:-1]), maps.shape[-1]).T


def as_maps(images: Images) -> Float[Array, "1 28 28 batch"]:
    """The images as maps of one channel. Raises UserError for images of another shape or type."""
    if (
        not hasattr(images, "dtype")
        or images.shape[1:] != IMAGE_SHAPE
        or not jnp.issubdtype(images.dtype, jnp.floating)
    ):
        raise UserError(
            f"images must be scaled, an array of floats of shape (n, 28, 28), found "
            f"{format_array(images)}"
        )
    return jnp.transpose(images, (1, 2, 0))[None]
