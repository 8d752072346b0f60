"""A Flax network as pure functions: the one place that splits and merges modules."""

import functools
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import Features, Inputs, Labels, Logits, Model, State, Variables
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.convnet import ConvNet

Parameters = Any
"""{"blocks": {0: {"kernel", "bias"}, ...}, "dense": {0: ..., ...}}."""


@functools.cache
def build(config: ConvNetConfig) -> Model:
    """Build the network; its gradient is `jax.value_and_grad`'s."""

    def init(key: Key[Array, ""]) -> Variables:
        return Variables(nnx.to_pure_dict(nnx.state(ConvNet(config, key), nnx.Param)), {})

    def apply(variables: Variables, inputs: Inputs) -> Logits:
        return merge(variables, config)(inputs)

    def features(variables: Variables, inputs: Inputs) -> Features:
        return merge(variables, config).features(inputs)

    def value_and_grad(
        variables: Variables, inputs: Inputs, labels: Labels, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        def objective(parameters: Parameters) -> tuple[Float[Array, ""], tuple[Logits, State]]:
            logits = apply(Variables(parameters, variables.state), inputs)
            return config.loss.forward(logits, labels).mean(), (logits, variables.state)

        return jax.value_and_grad(objective, has_aux=True)(variables.parameters)

    return Model(init, apply, features, config.loss.forward, value_and_grad)


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
    nnx.replace_by_pure_dict(state, variables.parameters)
    return nnx.merge(graph, state)


@functools.cache
def _split(config: ConvNetConfig) -> tuple[Any, Any]:
    """The graph, and the state with shapes in place of arrays."""
    return nnx.split(nnx.eval_shape(lambda: ConvNet(config, jax.random.key(0))))
