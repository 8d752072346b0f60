"""The same network of plain `flax.nnx` layers, trained by the project's own epoch: what XLA makes of it.

Images are (batch, height, width, channels), as Flax has them. The last maps are turned to our order before
they're flattened, so that the dense layers' weights are the same.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from experiments.benchmarks.peers.networks import Training, config_of, train_with
from experiments.benchmarks.peers.worker import Job
from fmnist_jax.models.base import Inputs, Logits, Model, Parameters, by_autodiff
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops.pooling import AVERAGE, GLOBAL, MAX, NONE

POOLINGS = {
    MAX: lambda x: nnx.max_pool(x, (2, 2), (2, 2)),
    AVERAGE: lambda x: nnx.avg_pool(x, (2, 2), (2, 2)),
    GLOBAL: lambda x: x.mean(axis=(1, 2), keepdims=True),
    NONE: lambda x: x,
}


class Network(nnx.Module):
    """Flax's own convolutions and dense layers, under the names that our parameters have."""

    def __init__(self, config: ConvNetConfig) -> None:
        rngs = nnx.Rngs(0)
        inputs = (1, *(block.filters for block in config.blocks))
        self.blocks = nnx.List(
            _convolution(block, channels, rngs)
            for block, channels in zip(config.blocks, inputs[:-1], strict=True)
        )
        self.dense = nnx.List(nnx.Linear(*sizes, rngs=rngs) for sizes in config.dense_sizes)
        self.config = config

    def __call__(self, images: Inputs) -> Logits:
        """The logits."""
        x, activation = images[..., None], self.config.activation.forward
        for block, layer in zip(self.config.blocks, self.blocks, strict=True):
            x = POOLINGS[block.pooling](activation(layer(x)))
        x = jnp.transpose(x, (0, 3, 1, 2)).reshape(x.shape[0], -1)
        for layer in list(self.dense)[:-1]:
            x = activation(layer(x))
        return self.dense[-1](x)


def train(job: Job) -> Callable[[], Training]:
    """An epoch of `counts["flax"]` images: few, for it is slow."""
    return train_with(job, model_of(config_of(job)), job.counts["flax"])


def model_of(config: ConvNetConfig) -> Model:
    """The network as training takes it, with parameters as ours are."""
    graph, state = nnx.split(Network(config))

    def apply(parameters: Parameters, inputs: Inputs) -> Logits:
        filled = jax.tree.map(lambda leaf: leaf, state)
        nnx.replace_by_pure_dict(filled, parameters)
        return nnx.merge(graph, filled)(inputs)

    return by_autodiff(lambda key: nnx.to_pure_dict(state), apply, config.loss.forward)


def _convolution(block: Block, channels: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        channels,
        block.filters,
        kernel_size=(block.kernel, block.kernel),
        strides=block.stride,
        padding=(block.sides, block.sides),
        rngs=rngs,
    )
