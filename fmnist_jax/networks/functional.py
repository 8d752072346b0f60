"""A Flax network as the pure functions that training takes: the one place that splits and merges."""

import functools
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float, Key

from fmnist_jax.models import Inputs, Labels, Logits, Model
from fmnist_jax.networks.config import ConvNetConfig
from fmnist_jax.networks.conv_net import ConvNet
from fmnist_jax.networks.pooling import Maps

Parameters = Any
"""{"blocks": {0: {"kernel", "bias"}, ...}, "dense": {0: ..., ...}}."""


@functools.cache
def conv_net(config: ConvNetConfig) -> Model:
    """The network as a `Model`: logits of images, its gradient by `jax.grad`."""

    def apply(parameters: Parameters, inputs: Inputs) -> Logits:
        return merged(parameters, config)(inputs)

    def value_and_grad(
        parameters: Parameters, inputs: Inputs, labels: Labels, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
        def objective(parameters: Parameters) -> tuple[Float[Array, ""], Logits]:
            logits = apply(parameters, inputs)
            return config.loss.forward(logits, labels).mean(), logits

        return jax.value_and_grad(objective, has_aux=True)(parameters)

    return Model(functools.partial(init, config=config), apply, config.loss.forward, value_and_grad)


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
