"""Report 1's five-conv network: five convolutions with pooling, one hidden dense layer."""

from typing import Any

import attrs
from attrs import field, frozen

from fmnist_jax.config.fields import as_int, as_tuple, each, of_type
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.gradients import AUTODIFF, Gradients
from fmnist_jax.ops import pooling
from fmnist_jax.ops.pooling import Pooling
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.initializers import Initializer, uniform_fan_in
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss

CONVOLUTIONS = 5


def _one_or_five(owner: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    _check_length(
        attribute.name, value, (1, CONVOLUTIONS), "one for all five convolutions or one for each"
    )


def _five(owner: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    _check_length(attribute.name, value, (CONVOLUTIONS,), "five, one a convolution")


def _check_length(name: str, value: Any, lengths: tuple[int, ...], expected: str) -> None:
    if not isinstance(value, tuple) or len(value) not in lengths:
        found = f"{len(value)}: {value}" if isinstance(value, tuple) else repr(value)
        raise UserError(f"{name} must be {expected}, found {found}")


def _as_numbers(value: Any) -> Any:
    """Convert a single number to a tuple of one, a sequence to a tuple."""
    converted = as_tuple(value)
    return (converted,) if isinstance(converted, int) else converted


@frozen
class PoolingPlan:
    """Which pooling follows each of the five convolutions. Raises UserError unless there are five."""

    name: str
    poolings: tuple[Pooling, ...] = field(
        converter=as_tuple, validator=[_five, each(of_type(Pooling, "ops.pooling.MAX"))]
    )


def after_all_but_the_last(pool: Pooling) -> PoolingPlan:
    """Plan the same pooling after each convolution but the last."""
    return PoolingPlan(pool.name, (pool,) * (CONVOLUTIONS - 1) + (pooling.NONE,))


MAX = after_all_but_the_last(pooling.MAX)
"""Largest of 2x2: maps of 28, 14, 7, 3, 1."""
AVERAGE = after_all_but_the_last(pooling.AVERAGE)
"""Mean of 2x2."""
GLOBAL = after_all_but_the_last(pooling.GLOBAL)
"""Report 1's literal "global": the mean of the whole map, so that every map is 1x1 from the second
convolution on."""
GLOBAL_AT_END = PoolingPlan("global-at-end", (pooling.MAX,) * 3 + (pooling.NONE, pooling.GLOBAL))
"""What "global" usually means: 2x2 maxima after the first three convolutions, and the mean of the
whole 3x3 map once, after the last."""

POOLING_PLANS = {
    **{pool.name: after_all_but_the_last(pool) for pool in pooling.POOLINGS.values()},
    GLOBAL_AT_END.name: GLOBAL_AT_END,
}
"""Every pooling by its own name, and what else has one."""


@frozen
class FiveConv:
    """Report 1's feature extractor with its own classifier.

    The defaults are report 1's best row.

    Raises:
        UserError: For filters that aren't five, and for a network that can't be built.

    Examples:
        >>> FiveConv(filters=(16, 32, 64, 128, 256), hidden=512).network.features
        256
    """

    filters: tuple[int, ...] = field(
        default=(32, 64, 128, 256, 512), converter=as_tuple, validator=_five
    )
    """Of each of the five convolutions."""
    kernels: tuple[int, ...] = field(default=(3,), converter=_as_numbers, validator=_one_or_five)
    """Height and width: one for all five, or one for each."""
    strides: tuple[int, ...] = field(default=(1,), converter=_as_numbers, validator=_one_or_five)
    """One for all five, or one for each."""
    pooling: PoolingPlan = field(
        default=MAX, validator=of_type(PoolingPlan, "models.five_conv.MAX")
    )
    hidden: int = field(default=1024, converter=as_int)
    """Units of the dense layer between features and logits: the report's n6."""
    activation: Activation = RELU
    initializer: Initializer = uniform_fan_in
    loss: Loss = SOFTMAX_CROSS_ENTROPY
    gradients: Gradients = AUTODIFF
    """How training computes gradients."""

    def __attrs_post_init__(self) -> None:
        """Refuse what can't be built."""
        _ = self.network

    @property
    def network(self) -> ConvNetConfig:
        """The network described."""
        kernels, strides = (
            value * CONVOLUTIONS if len(value) == 1 else value
            for value in (self.kernels, self.strides)
        )
        blocks = zip(self.filters, kernels, strides, self.pooling.poolings, strict=True)
        return ConvNetConfig(
            tuple(
                Block(filters, kernel, stride, pooling=pool)
                for filters, kernel, stride, pool in blocks
            ),
            hidden=(self.hidden,),
            activation=self.activation,
            initializer=self.initializer,
            loss=self.loss,
            gradients=self.gradients,
        )
