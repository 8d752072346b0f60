"""The Flax (NNX) modules: one convolutional network, whatever its description says."""

from math import prod

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, DTypeLike, Float, Key

from fmnist_jax.config.fields import format_array
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import Block, ConvNetConfig, MapSizes
from fmnist_jax.ops.conv_block import ConvBlock, conv_block
from fmnist_jax.ops.geometry import Geometry, Maps
from fmnist_jax.scratch.initializers import Initializer

Images = Float[Array, "batch 28 28"]


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
        self.bias = nnx.Param(b)
        self.block, self.sizes, self.activation = block, sizes, config.activation

    def __call__(self, x: Maps) -> Float[Array, "filters rows columns batch"]:
        """pool(g(kernel * x + bias)); what the pooling wouldn't look at isn't computed."""
        block = self.block
        if not x.shape[-1]:  # no images, so no sizes to infer
            return jnp.zeros((block.filters, self.sizes.pooled, self.sizes.pooled, 0), x.dtype)
        geometry = Geometry(block.stride, block.sides[0], self.sizes.used)
        spec = ConvBlock(geometry, self.activation.forward, block.pooling)
        return conv_block(x, self.kernel[...], self.bias[...], spec)


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
        inputs = (1, *(block.filters for block in blocks))
        self.blocks = nnx.List(
            Convolution(block, maps, channels, config, key, dtype)
            for block, maps, channels, key in zip(
                blocks, config.map_sizes, inputs[:-1], keys[: len(blocks)], strict=True
            )
        )
        self.dense = nnx.List(
            Dense(fan_in, units, config.dense_initializer or config.initializer, key, dtype)
            for (fan_in, units), key in zip(sizes, keys[len(blocks) :], strict=True)
        )
        self.activation = config.activation

    def maps(self, images: Images) -> tuple[Float[Array, "_ _ _ batch"], ...]:
        """Compute what each block makes of the images: maps (filters, height, width, batch).

        Raises UserError for images of another shape or type.
        """
        if (
            not hasattr(images, "dtype")
            or images.shape[1:] != IMAGE_SHAPE
            or not jnp.issubdtype(images.dtype, jnp.floating)
        ):
            raise UserError(
                f"images must be scaled, an array of floats of shape (n, 28, 28), found "
                f"{format_array(images)}"
            )
        x = jnp.transpose(images, (1, 2, 0))[None]
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return tuple(maps)

    def features(self, images: Images) -> Float[Array, "batch features"]:
        """Compute the last maps of each image, flattened."""
        last = self.maps(images)[-1]
        return last.reshape(prod(last.shape[:-1]), last.shape[-1]).T

    def __call__(self, images: Images) -> Float[Array, "batch classes"]:
        """The logits."""
        A = self.features(images)
        for layer in list(self.dense)[:-1]:
            A = self.activation.forward(layer(A))
        return self.dense[-1](A)
