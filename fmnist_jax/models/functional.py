"""A Flax network as the pure functions that training takes: the one place that splits and merges."""

import functools
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float, Key

from fmnist_jax.models.base import Inputs, Logits, Model, by_autodiff
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.convnet import ConvNet
from fmnist_jax.ops.geometry import Maps

Parameters = Any
"""{"blocks": {0: {"kernel", "bias"}, ...}, "dense": {0: ..., ...}}."""


@functools.cache
def conv_net(config: ConvNetConfig) -> Model:
    """The network as a `Model`: logits of images, its gradient by `jax.grad`."""

    def apply(parameters: Parameters, inputs: Inputs) -> Logits:
        return merged(parameters, config)(inputs)

    return by_autodiff(functools.partial(init, config=config), apply, config.loss.forward)


def init(key: Key[Array, ""], config: ConvNetConfig) -> Parameters:
    """Draw the first parameters."""
    return nnx.to_pure_dict(nnx.state(ConvNet(config, key), nnx.Param))


def features(
    parameters: Parameters, inputs: Inputs, config: ConvNetConfig
) -> Float[Array, "batch features"]:
    """`ConvNet.features` as a pure function."""
    return merged(parameters, config).features(inputs)


def maps(parameters: Parameters, inputs: Inputs, config: ConvNetConfig) -> tuple[Maps, ...]:
    """`ConvNet.maps` as a pure function."""
    return merged(parameters, config).maps(inputs)


def merged(parameters: Parameters, config: ConvNetConfig) -> ConvNet:
    """The module with these parameters in it."""
    graph, state = _split(config)
    state = jax.tree.map(lambda leaf: leaf, state)
    nnx.replace_by_pure_dict(state, parameters)
    return nnx.merge(graph, state)


@functools.cache
def _split(config: ConvNetConfig) -> tuple[Any, Any]:
    """The graph, and the state with shapes in place of arrays."""
    return nnx.split(nnx.eval_shape(lambda: ConvNet(config, jax.random.key(0))))
