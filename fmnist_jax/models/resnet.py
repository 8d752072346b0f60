"""Residual networks for small images: pairs of blocks of three widths, a shortcut around each pair."""

from attrs import field, frozen

from fmnist_jax.config.fields import as_int, whole
from fmnist_jax.models.config import MAX_UNITS, Block, ConvNetConfig
from fmnist_jax.models.gradients import AUTODIFF, Gradients
from fmnist_jax.ops.pooling import GLOBAL, NONE
from fmnist_jax.scratch.initializers import he_normal

STAGES = 3
"""Each with half the map size and twice the filters of the one before."""

MAX_DEPTH = 64


@frozen
class ResNet:
    """A residual network with batch normalisation: 6 depth + 1 convolutions of 3x3, then one dense layer.

    A width of 16 and a depth of 3 is ResNet-20. A shortcut skips rows and columns where maps become smaller
    and fills further filters with zeros, so it has no parameters.

    Raises:
        UserError: For counts out of range.

    Examples:
        >>> sum(layer.parameters for layer in ResNet().network.layers())
        269434

    References:
        K. He et al., Deep residual learning for image recognition, CVPR 2016.
    """

    width: int = field(default=16, converter=as_int, validator=whole(1, MAX_UNITS // 2**STAGES))
    """Filters of the first stage."""
    depth: int = field(default=3, converter=as_int, validator=whole(1, MAX_DEPTH))
    """Pairs of blocks in each stage."""
    gradients: Gradients = AUTODIFF
    """How training computes gradients."""

    @property
    def network(self) -> ConvNetConfig:
        """The network described."""
        blocks = [Block(self.width, pooling=NONE)]
        for stage in range(STAGES):
            filters = self.width * 2**stage
            for pair in range(self.depth):
                stride = 2 if stage and not pair else 1
                is_last = (stage, pair) == (STAGES - 1, self.depth - 1)
                blocks.append(Block(filters, stride=stride, pooling=NONE))
                blocks.append(Block(filters, pooling=GLOBAL if is_last else NONE, shortcut=2))
        return ConvNetConfig(
            tuple(blocks),
            hidden=(),
            initializer=he_normal,
            gradients=self.gradients,
            batch_norm=True,
        )
