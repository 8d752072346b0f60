"""Parameters and arithmetic of a network, layer by layer, from its description alone.

Counted is what the textbook network does: a multiply-add for each weight of each output that is used,
zeros of the padding included; biases, activations and poolings are left out, being few.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.scratch.mlp import MLPConfig


class Layer(NamedTuple):
    """A layer with weights or a pooling."""

    name: str
    output: tuple[int, ...]
    """Shape for one image: (filters, height, width) or (units,)."""
    parameters: int
    """Weights and biases."""
    multiply_adds: int
    """Of a forward pass of one image."""
    first: bool = False
    """Whether training stops here, no gradient of the inputs being asked for."""

    @property
    def flops(self) -> int:
        """Operations of a forward pass of one image: 2 a multiply-add."""
        return 2 * self.multiply_adds

    @property
    def training_flops(self) -> int:
        """Operations of a training step an image, an estimate.

        Forward, gradient of the weights and gradient of the inputs cost the same; the first layer
        does without the last. The optimiser's own work is left out.
        """
        return (2 if self.first else 3) * self.flops

    def to_dict(self) -> dict[str, Any]:
        """The layer in JSON's types."""
        return {
            "name": self.name,
            "output": list(self.output),
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "flops": self.flops,
            "training_flops": self.training_flops,
        }


def totals(layers: Sequence[Layer]) -> dict[str, int]:
    """The sums over all layers, by the names of `Layer.to_dict`."""
    names = ("parameters", "multiply_adds", "flops", "training_flops")
    return {name: sum(getattr(layer, name) for layer in layers) for name in names}


def conv_net(config: ConvNetConfig) -> tuple[Layer, ...]:
    """The layers of a convolutional network: its blocks, then its dense layers."""
    return *blocks(config), *_dense(config.dense_sizes)


def blocks(config: ConvNetConfig) -> tuple[Layer, ...]:
    """The layers that make a convolutional network's features."""
    layers, inputs = [], 1
    for number, (block, sizes) in enumerate(zip(config.blocks, config.map_sizes, strict=True), 1):
        weights = block.kernel**2 * inputs * block.filters
        layers.append(
            Layer(
                f"block {number}: convolution {block.kernel}x{block.kernel}",
                (block.filters, sizes.used, sizes.used),
                weights + block.filters,
                weights * sizes.used**2,
                first=number == 1,
            )
        )
        if block.pooling.name != "none":
            pooled = (block.filters, sizes.pooled, sizes.pooled)
            layers.append(Layer(f"block {number}: {block.pooling.name} pooling", pooled, 0, 0))
        inputs = block.filters
    return tuple(layers)


def mlp(config: MLPConfig) -> tuple[Layer, ...]:
    """The layers of a scratch MLP."""
    first, *others = _dense(tuple(pairwise(config.layer_sizes)))
    return first._replace(first=True), *others


def _dense(sizes: Sequence[tuple[int, int]]) -> tuple[Layer, ...]:
    return tuple(
        Layer(f"dense {number}", (units,), inputs * units + units, inputs * units)
        for number, (inputs, units) in enumerate(sizes, 1)
    )
