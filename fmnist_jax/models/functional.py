"""A Flax network as pure functions: the one place that splits and merges modules."""

import functools
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import (
    Features,
    HandWritten,
    Inputs,
    Logits,
    Model,
    Piecewise,
    Targets,
    Variables,
)
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.convnet import ConvNet
from fmnist_jax.scratch import convnet
from fmnist_jax.scratch.batch_norm import Moments
from fmnist_jax.scratch.convnet import Parameters


@functools.cache
def build(config: ConvNetConfig) -> Model:
    """Build the network; its gradient is computed as `config.gradients` says."""

    def init(key: Key[Array, ""]) -> Variables:
        network = ConvNet(config, key)
        parameters, moments = nnx.state(network, nnx.Param), nnx.state(network, nnx.BatchStat)
        return Variables(nnx.to_pure_dict(parameters), nnx.to_pure_dict(moments))

    def apply(variables: Variables, inputs: Inputs) -> Logits:
        return merge(variables, config)(inputs)

    def features(variables: Variables, inputs: Inputs) -> Features:
        return merge(variables, config).features(inputs)

    def train(
        variables: Variables, inputs: Inputs, key: Key[Array, ""]
    ) -> tuple[Logits, tuple[Moments, ...]]:
        return merge(variables, config).train_logits(inputs, key)

    value_and_grad = config.gradients.make(train, config.scratch_network)
    return Model(init, apply, features, config.loss.forward, value_and_grad)


@functools.cache
def hand_written(config: ConvNetConfig) -> HandWritten:
    """Collect the hand-written gradient with what a check of it needs."""
    network = config.scratch_network

    def objective(
        parameters: Parameters, inputs: Inputs, targets: Targets, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, ""], Logits]:
        return convnet.objective(parameters, inputs, targets, network, key)

    def value_and_grad(
        parameters: Parameters, inputs: Inputs, targets: Targets, key: Key[Array, ""] | None
    ) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
        return convnet.value_and_grad(parameters, inputs, targets, network, key)

    def piecewise(
        parameters: Parameters, inputs: Inputs, key: Key[Array, ""] | None
    ) -> tuple[Piecewise, ...]:
        return convnet.piecewise(parameters, inputs, network, key)

    return HandWritten(
        lambda key: build(config).init(key).parameters,
        objective,
        value_and_grad,
        piecewise,
        config.input_shape,
        config.classes,
    )


@functools.partial(jax.jit, static_argnames=("config",))
def maps(
    variables: Variables, inputs: Inputs, config: ConvNetConfig
) -> tuple[Float[Array, "_ _ _ batch"], ...]:
    """Compute `ConvNet.maps`, what each block makes of the images."""
    return merge(variables, config).maps(inputs)


def merge(variables: Variables, config: ConvNetConfig) -> ConvNet:
    """Build the module with these variables in it."""
    graph, state = _split(config)
    state = jax.tree.map(lambda leaf: leaf, state)
    for arrays in variables:
        nnx.replace_by_pure_dict(state, arrays)
    return nnx.merge(graph, state)


@functools.cache
def _split(config: ConvNetConfig) -> tuple[Any, Any]:
    """The graph, and the state with shapes in place of arrays."""
    return nnx.split(nnx.eval_shape(lambda: ConvNet(config, jax.random.key(0))))
