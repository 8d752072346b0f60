"""The same convnet of plain `flax.nnx` layers, trained by the project's epoch.

Images are (batch, height, width, channels), as Flax needs them. The last maps are transposed to our order
before they are flattened, so that the dense layers' weights are the same.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from experiments.benchmarks.peers.ours import Training, stage_of, train_with
from experiments.benchmarks.peers.worker import Job
from fmnist_jax.config.model import Inputs, Logits, Model, Parameters, State, Targets, Variables
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops.pooling import AVERAGE, GLOBAL, MAX, NONE

POOLINGS = {
    MAX: lambda x: nnx.max_pool(x, (2, 2), (2, 2)),
    AVERAGE: lambda x: nnx.avg_pool(x, (2, 2), (2, 2)),
    GLOBAL: lambda x: x.mean(axis=(1, 2), keepdims=True),
    NONE: lambda x: x,
}


class ConvNet(nnx.Module):
    """Flax's convolutions and dense layers; its parameters have the names of ours."""

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
    """Prepare an epoch of `counts["flax"]` images; few, since it is slow."""
    config: Any = stage_of(job).model
    return train_with(job, model_of(config), job.counts["flax"])


def model_of(config: ConvNetConfig) -> Model:
    """Build the network as pure functions; its parameters are ours."""
    graph, initial = nnx.split(ConvNet(config))

    def apply(variables: Variables, inputs: Inputs) -> Logits:
        state = jax.tree.map(lambda leaf: leaf, initial)
        nnx.replace_by_pure_dict(state, variables.parameters)
        return nnx.merge(graph, state)(inputs)

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        def objective(parameters: Parameters) -> tuple[Float[Array, ""], tuple[Logits, State]]:
            logits = apply(Variables(parameters, variables.state), inputs)
            return config.loss.forward(logits, targets).mean(), (logits, variables.state)

        return jax.value_and_grad(objective, has_aux=True)(variables.parameters)

    return config.build()._replace(apply=apply, value_and_grad=value_and_grad)


def _convolution(block: Block, channels: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        channels,
        block.filters,
        kernel_size=(block.kernel, block.kernel),
        strides=block.stride,
        padding=(block.sides, block.sides),
        rngs=rngs,
    )
