"""The reports' convolutional networks, as descriptions made of the same blocks."""

from dataclasses import dataclass

from fmnist_jax.config.checks import check_type, listed, shown, whole
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops import pooling
from fmnist_jax.ops.pooling import Pooling
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.scratch.initializers import Initializer, he_uniform, random
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, Loss


@dataclass(frozen=True)
class PoolingPlan:
    """Which pooling follows each of the five convolutions. Raises UserError where they aren't five."""

    name: str
    poolings: tuple[Pooling, ...]
    """Five."""

    def __post_init__(self) -> None:
        """Refuse what isn't five poolings; a list becomes a tuple."""
        poolings = listed(self.poolings)
        if poolings is None or len(poolings) != 5:
            found = shown(self.poolings) if poolings is None else len(poolings)
            raise UserError(f"poolings must be five, one a convolution, found {found}")
        for number, pool in enumerate(poolings, 1):
            check_type(f"pooling {number}", pool, Pooling, "as networks.pooling.MAX is")
        object.__setattr__(self, "poolings", poolings)


MAX = PoolingPlan("max", (pooling.MAX,) * 4 + (pooling.NONE,))
"""Largest of 2x2 after each convolution but the last: maps of 28, 14, 7, 3, 1."""
AVERAGE = PoolingPlan("avg", (pooling.AVERAGE,) * 4 + (pooling.NONE,))
"""Mean of 2x2 after each convolution but the last."""
GLOBAL = PoolingPlan("global", (pooling.GLOBAL,) * 4 + (pooling.NONE,))
"""Report 1's literal "global": the mean of the whole map after each convolution but the last, so that
every map is 1x1 from the second convolution on."""
GLOBAL_AT_END = PoolingPlan("global-at-end", (pooling.MAX,) * 3 + (pooling.NONE, pooling.GLOBAL))
"""What "global" usually means: 2x2 maxima after the first three convolutions, and the mean of the
whole 3x3 map once, after the last."""

POOLING_PLANS = {plan.name: plan for plan in (MAX, AVERAGE, GLOBAL, GLOBAL_AT_END)}


@dataclass(frozen=True)
class FiveConv:
    """Report 1's extractor with its own classifier: five convolutions, one hidden dense layer.

    The defaults are report 1's best row. Raises UserError for filters that aren't five and for what
    can't be built.
    """

    filters: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Of each of the five convolutions."""
    kernels: tuple[int, ...] = (3,)
    """Height and width: one for all five, or one for each."""
    strides: tuple[int, ...] = (1,)
    """One for all five, or one for each."""
    pooling: PoolingPlan = MAX
    hidden: int = 1024
    """Units of the dense layer between features and logits: the report's n6."""
    activation: Activation = RELU
    initializer: Initializer = random
    loss: Loss = SOFTMAX_CROSS_ENTROPY

    def __post_init__(self) -> None:
        """Refuse what can't be built; lists and single counts become tuples."""
        one_or_five = "one for all five convolutions or one for each"
        for name, lengths, expected in (
            ("filters", (5,), "five counts, one a convolution"),
            ("kernels", (1, 5), one_or_five),
            ("strides", (1, 5), one_or_five),
        ):
            value = whole(getattr(self, name))
            values = (value,) if type(value) is int else listed(value)
            if values is None:
                raise UserError(f"{name} must be {expected}, found {shown(value)}")
            if len(values) not in lengths:
                raise UserError(f"{name} must be {expected}, found {len(values)}: {shown(values)}")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "hidden", whole(self.hidden))
        check_type("pooling", self.pooling, PoolingPlan, "as networks.architectures.MAX is")
        _ = self.network  # refuses what doesn't fit

    @property
    def network(self) -> ConvNetConfig:
        """The network described."""
        kernels, strides = ((*value, *value[:1] * (5 - len(value))) for value in (
            self.kernels, self.strides
        ))  # fmt: skip
        return ConvNetConfig(
            tuple(
                Block(filters, kernel, stride, pooling=pool)
                for filters, kernel, stride, pool in zip(
                    self.filters, kernels, strides, self.pooling.poolings, strict=True
                )
            ),
            hidden=(self.hidden,),
            activation=self.activation,
            initializer=self.initializer,
            loss=self.loss,
        )


SMALL_CNN = ConvNetConfig(
    (
        Block(6, 5, padding=0, pooling=pooling.AVERAGE),
        Block(16, 5, padding=0, pooling=pooling.AVERAGE),
    ),
    hidden=(120, 84),
)
"""Report 2's CNN: two 5x5 convolutions, two 2x2 means, three dense layers. The report gives no counts;
these are LeNet-5's (LeCun et al. 1998), without padding: 28, 24, 12, 8, 4, so 256 features."""

LENET = ConvNetConfig(
    (Block(6, 5, pooling=pooling.AVERAGE), Block(16, 5, padding=0, pooling=pooling.AVERAGE)),
    hidden=(120, 84),
)
"""Report 3's LeNet: as above with the first convolution padded by 2: 28, 14, 10, 5, so 400 features."""

BACKBONE = ConvNetConfig(
    (Block(49, 3, padding=1), *(Block(filters, 2, padding=1) for filters in (98, 196, 392, 784))),
    hidden=(128,),
)
"""Report 4's five blocks, filters doubling: maps of 28, 15, 8, 5, 3 before pooling, 784 features as an
image has pixels; the standalone head is one hidden layer of 128."""

SMALLEST = ConvNetConfig(
    (Block(8), Block(16), Block(24, pooling=pooling.GLOBAL)), hidden=(), initializer=he_uniform
)
"""A network of few parameters: three 3x3 convolutions, the mean of each last map, one dense layer."""
