"""Descriptions of convolutional networks: blocks of convolution and pooling, then dense layers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import attrs
import numpy as np
from attrs import field, frozen
from attrs.validators import optional
from jaxtyping import Array, Float

from fmnist_jax.config.fields import (
    as_float,
    as_int,
    as_tuple,
    each,
    function,
    number,
    of_type,
    whole,
)
from fmnist_jax.config.model import HandWritten, Layer, Model, Variables
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError
from fmnist_jax.models.gradients import AUTODIFF, Gradients
from fmnist_jax.ops.fast_block import fast_block
from fmnist_jax.ops.geometry import Geometry
from fmnist_jax.ops.pooling import MAX, NONE, Pooling
from fmnist_jax.scratch import convnet
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.batch_norm import MIN_BATCH
from fmnist_jax.scratch.initializers import Initializer, uniform_fan_in
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss
from fmnist_jax.scratch.residual import shortcut_stride

MAX_UNITS = 2**14
"""Filters or dense units of a layer; more would need more memory than there is."""


def _below_kernel(block: "Block", field: "attrs.Attribute[Any]", value: int) -> None:
    if value >= block.kernel:
        raise UserError(
            f"padding must be less than the kernel's {block.kernel}, or left out to keep the size, "
            f"found {value}"
        )


@frozen
class Block:
    """A convolution, the network's activation, and a pooling.

    Raises:
        UserError: For counts out of range and a padding that is not less than the kernel.

    Examples:
        >>> Block(32, kernel=5).sides
        (2, 2)
    """

    filters: int = field(converter=as_int, validator=whole(1, MAX_UNITS))
    kernel: int = field(default=3, converter=as_int, validator=whole(1, min(IMAGE_SHAPE)))
    """Height and width of the kernel."""
    stride: int = field(default=1, converter=as_int, validator=whole(1, min(IMAGE_SHAPE)))
    padding: int | None = field(
        default=None, converter=as_int, validator=optional([whole(0), _below_kernel])
    )
    """Zeros on each of the four sides; by default as many as keep the map's size at stride 1
    ((kernel - 1) // 2 before, kernel // 2 after)."""
    pooling: Pooling = field(default=MAX, validator=of_type(Pooling, "ops.pooling.MAX"))
    shortcut: int = field(default=0, converter=as_int, validator=whole(0))
    """Adds an earlier input before the activation: 1 the block's own, 2 that of the block before, as in
    residual networks; 0 adds nothing. Where sizes differ, rows and columns are skipped and further
    filters receive zeros."""

    @property
    def sides(self) -> tuple[int, int]:
        """Zeros before and after each row and column."""
        if self.padding is not None:
            return self.padding, self.padding
        return (self.kernel - 1) // 2, self.kernel // 2


class MapSizes(NamedTuple):
    """Heights (and widths) of a block's square maps."""

    inputs: int
    convolved: int
    """After the convolution."""
    used: int
    """Of those, what the pooling uses: the rest is never computed."""
    pooled: int


@frozen
class ConvNetConfig:
    """A convolutional classifier: blocks, hidden dense layers, logits.

    Raises:
        UserError: For no blocks, counts out of range, kernels or poolings too large for their maps.

    Examples:
        >>> ConvNetConfig((Block(8), Block(16)), hidden=(32,)).features
        784
    """

    blocks: tuple[Block, ...] = field(
        converter=as_tuple, validator=each(of_type(Block, "Block(32)"), least=1)
    )
    hidden: tuple[int, ...] = field(
        default=(512,), converter=as_tuple, validator=each(whole(1, MAX_UNITS))
    )
    """Units of the dense layers between features and logits."""
    activation: Activation = field(
        default=RELU, validator=of_type(Activation, "scratch.activations.RELU")
    )
    """After every convolution and every hidden layer."""
    initializer: Initializer = field(
        default=uniform_fan_in, validator=function("scratch.initializers.he_normal")
    )
    """Draws every layer's first weights and biases; the blocks' alone if there is a `dense_initializer`."""
    loss: Loss = field(
        default=SOFTMAX_CROSS_ENTROPY,
        validator=of_type(Loss, "scratch.losses.SOFTMAX_CROSS_ENTROPY"),
    )
    """What training minimises."""
    classes: int = field(default=10, validator=whole(1, MAX_UNITS))
    dense_initializer: Initializer | None = field(
        default=None, validator=optional(function("scratch.initializers.he_normal"))
    )
    """Draws the first weights and biases of the dense layers; by default as `initializer` does."""
    gradients: Gradients = field(
        default=AUTODIFF, validator=of_type(Gradients, "models.gradients.HAND_WRITTEN")
    )
    """How training computes gradients; parameters and inference are the same."""
    batch_norm: bool = field(default=False, validator=of_type(bool, "True"))
    """Whether each convolution is normalised over the batch, before shortcut and activation."""
    dropout: float = field(default=0.0, converter=as_float, validator=number(0, below=1))
    """Probability that training drops an input of a dense layer."""

    def __attrs_post_init__(self) -> None:
        """Refuse kernels and poolings that don't fit their maps."""
        _ = self.map_sizes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Height and width of an image."""
        return IMAGE_SHAPE

    @property
    def map_sizes(self) -> tuple[MapSizes, ...]:
        """The heights of each block's maps. Raises UserError where a kernel or pooling doesn't fit."""
        size, sizes = IMAGE_SHAPE[0], []
        for ordinal, block in enumerate(self.blocks, 1):
            padded = size + sum(block.sides)
            if padded < block.kernel:
                raise UserError(
                    f"block {ordinal}: a {block.kernel}x{block.kernel} kernel is too large for its "
                    f"{size}x{size} map padded to {padded}x{padded}; use a smaller kernel, more "
                    "padding, or less stride and pooling before it"
                )
            convolved = (padded - block.kernel) // block.stride + 1
            used = block.pooling.used(convolved)
            if not used:
                raise UserError(
                    f"block {ordinal}: a {convolved}x{convolved} map is too small for "
                    f"{block.pooling.name} pooling; leave it out, or use less stride and pooling "
                    "before it"
                )
            sizes.append(MapSizes(size, convolved, used, block.pooling.size(convolved)))
            self._check_shortcut(ordinal, sizes)
            size = sizes[-1].pooled
        return tuple(sizes)

    def _check_shortcut(self, number: int, sizes: Sequence[MapSizes]) -> None:
        """Raise UserError if the shortcut that ends in block `number` can't be added there."""
        block = self.blocks[number - 1]
        if block.shortcut > number:
            raise UserError(
                f"block {number}: shortcut must be at most {number}, which is the image, found "
                f"{block.shortcut}"
            )
        if block.shortcut:
            source = number - block.shortcut
            height, channels = sizes[source].inputs, self.channels[source]
            used = sizes[-1].used
            if channels > block.filters or not shortcut_stride(height, used):
                raise UserError(
                    f"block {number}: its shortcut has {channels} maps of {height}x{height}, which can't "
                    f"become {block.filters} of {used}x{used}: use as many filters or more, and strides "
                    "and padding that keep or divide the size"
                )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each block's inputs."""
        return 1, *(block.filters for block in self.blocks[:-1])

    @property
    def features(self) -> int:
        """Size of an image's last maps: the width of its features."""
        return self.blocks[-1].filters * self.map_sizes[-1].pooled ** 2

    @property
    def dense_sizes(self) -> tuple[tuple[int, int], ...]:
        """(inputs, units) of each dense layer; the last one's units are the classes."""
        return tuple(pairwise((self.features, *self.hidden, self.classes)))

    @property
    def min_batch(self) -> int:
        """Fewest examples of a training step."""
        return MIN_BATCH if self.batch_norm else 1

    def build(self) -> Model:
        """Build the network from its Flax module; Flax is imported when the first one is built."""
        from fmnist_jax.models import functional

        return functional.build(self)

    def hand_written(self) -> HandWritten:
        """Return the hand-written gradient, whether or not training uses it."""
        from fmnist_jax.models import functional

        return functional.hand_written(self)

    @property
    def scratch_network(self) -> convnet.ConvNet:
        """The same network for `scratch.convnet`, with the fast convolutions of `ops`."""
        blocks = tuple(
            fast_block(
                channels,
                block.kernel,
                Geometry(block.stride, block.sides[0], sizes.used),
                block.pooling,
                block.shortcut,
            )
            for channels, block, sizes in zip(
                self.channels, self.blocks, self.map_sizes, strict=True
            )
        )
        return convnet.ConvNet(blocks, self.activation, self.loss, self.dropout)

    def first_layer(self, variables: Variables) -> Float[np.ndarray, "units height width"]:
        """Return the first convolution's filters, a picture a filter."""
        kernel = np.asarray(variables.parameters["blocks"][0]["kernel"])
        return np.moveaxis(kernel[:, :, 0], -1, 0)

    def feature_maps(
        self, variables: Variables, inputs: Float[Any, "batch height width"]
    ) -> tuple[Float[Array, "_ _ _ batch"], ...]:
        """Compute each block's maps of scaled images."""
        from fmnist_jax.models import functional

        return functional.maps(variables, inputs, self)

    def layers(self) -> tuple[Layer, ...]:
        """List the blocks, then the dense layers.

        A multiply-add is counted for each weight of each output that is used, zeros of the padding
        included; biases, activations and poolings are left out, being few.
        """
        dense = (
            Layer(f"dense {number}", (units,), inputs * units + units, inputs * units)
            for number, (inputs, units) in enumerate(self.dense_sizes, 1)
        )
        return *self.feature_layers(), *dense

    def feature_layers(self) -> tuple[Layer, ...]:
        """List the blocks."""
        layers = []
        for ordinal, (block, sizes) in enumerate(zip(self.blocks, self.map_sizes, strict=True), 1):
            inputs = self.channels[ordinal - 1]
            weights = block.kernel**2 * inputs * block.filters
            layers.append(
                Layer(
                    f"block {ordinal}: convolution {block.kernel}x{block.kernel}",
                    (block.filters, sizes.used, sizes.used),
                    weights + block.filters * (2 if self.batch_norm else 1),
                    weights * sizes.used**2,
                    first=ordinal == 1,
                )
            )
            if block.pooling is not NONE:
                pooled = (block.filters, sizes.pooled, sizes.pooled)
                layers.append(Layer(f"block {ordinal}: {block.pooling.name} pooling", pooled, 0, 0))
        return tuple(layers)
