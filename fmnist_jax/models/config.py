"""What a convolutional network is made of: blocks of convolution and pooling, then dense layers."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from fmnist_jax.config.checks import check_type, is_count, listed, shown, whole
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError
from fmnist_jax.ops.pooling import MAX, Pooling
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.initializers import Initializer, random
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss

MAX_UNITS = 2**14
"""Filters or dense units of a layer; more is a slip, and would ask for more memory than there is."""


@dataclass(frozen=True)
class Block:
    """A convolution, the network's activation, and a pooling."""

    filters: int
    kernel: int = 3
    """Height and width of the kernel."""
    stride: int = 1
    padding: int | None = None
    """Zeros on each of the four sides; without it as many as keep the map's size at stride 1
    ((kernel - 1) // 2 before, kernel // 2 after)."""
    pooling: Pooling = MAX

    def __post_init__(self) -> None:
        """Refuse what can't be built; any library's integers become ints."""
        for name, least, most in (
            ("filters", 1, MAX_UNITS),
            ("kernel", 1, min(IMAGE_SHAPE)),
            ("stride", 1, min(IMAGE_SHAPE)),
        ):
            value = whole(getattr(self, name))
            if not is_count(value, least, most):
                raise UserError(
                    f"{name} must be a count from {least} to {most}, found {shown(value)}"
                )
            object.__setattr__(self, name, value)
        object.__setattr__(self, "padding", whole(self.padding))
        if self.padding is not None and not is_count(self.padding, 0, self.kernel - 1):
            raise UserError(
                f"padding must be from 0 to less than the kernel's {self.kernel}, or left out to "
                f"keep the size, found {shown(self.padding)}"
            )
        check_type("pooling", self.pooling, Pooling, "as networks.pooling.MAX is")

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
    """Of those, what the pooling looks at: the rest is never computed."""
    pooled: int


@dataclass(frozen=True)
class ConvNetConfig:
    """A convolutional classifier: blocks, hidden dense layers, logits.

    Raises UserError for what can't be built: no blocks, kernels or poolings too large for their maps.
    """

    blocks: tuple[Block, ...]
    hidden: tuple[int, ...] = (512,)
    """Units of the dense layers between features and logits."""
    activation: Activation = RELU
    """After every convolution and every hidden layer."""
    initializer: Initializer = random
    """Draws every layer's first weights and biases."""
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    """What training minimises."""
    classes: int = 10

    def __post_init__(self) -> None:
        """Refuse what can't be built; lists become tuples."""
        for name, example in (("blocks", "(Block(8), Block(16))"), ("hidden", "(512,) or ()")):
            value = listed(getattr(self, name))
            if value is None:
                raise UserError(
                    f"{name} must be a tuple, as {example} is, found {shown(getattr(self, name))}"
                )
            object.__setattr__(self, name, value)
        object.__setattr__(self, "classes", whole(self.classes))
        if not self.blocks:
            raise UserError("blocks must be one or more, found none")
        for number, block in enumerate(self.blocks, 1):
            check_type(f"block {number}", block, Block, "as Block(32) is")
        for size in (*self.hidden, self.classes):
            if not is_count(size, 1, MAX_UNITS):
                raise UserError(
                    f"hidden and classes must be counts from 1 to {MAX_UNITS}, found {shown(size)}"
                )
        for name, kind, example in (
            ("activation", Activation, "scratch.activations.RELU"),
            ("loss", Loss, "scratch.losses.SOFTMAX_CROSS_ENTROPY"),
        ):
            check_type(name, getattr(self, name), kind, f"as {example} is")
        if not callable(self.initializer):
            raise UserError(
                f"initializer must be a function, as scratch.initializers has them, found "
                f"{shown(self.initializer)}"
            )
        _ = self.map_sizes  # refuses what doesn't fit

    @property
    def map_sizes(self) -> tuple[MapSizes, ...]:
        """The heights of each block's maps. Raises UserError where a kernel or pooling doesn't fit."""
        size, sizes = IMAGE_SHAPE[0], []
        for number, block in enumerate(self.blocks, 1):
            padded = size + sum(block.sides)
            if padded < block.kernel:
                raise UserError(
                    f"block {number}: a {block.kernel}x{block.kernel} kernel is too large for its "
                    f"{size}x{size} map padded to {padded}x{padded}; take a smaller kernel, more "
                    "padding, or less stride and pooling before it"
                )
            convolved = (padded - block.kernel) // block.stride + 1
            used = block.pooling.used(convolved)
            if not used:
                raise UserError(
                    f"block {number}: a {convolved}x{convolved} map is too small for "
                    f"{block.pooling.name} pooling; leave it out, or take less stride and pooling "
                    "before it"
                )
            sizes.append(MapSizes(size, convolved, used, block.pooling.size(convolved)))
            size = sizes[-1].pooled
        return tuple(sizes)

    @property
    def features(self) -> int:
        """Numbers that an image's last maps hold: the width of `features(images)`."""
        return self.blocks[-1].filters * self.map_sizes[-1].pooled ** 2

    @property
    def dense_sizes(self) -> tuple[tuple[int, int], ...]:
        """(inputs, units) of each dense layer, the last one's units being the classes."""
        return tuple(pairwise((self.features, *self.hidden, self.classes)))
