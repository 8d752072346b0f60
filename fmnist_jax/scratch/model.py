"""The MLP as the pure functions that training and inference use."""

import functools
import math

from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import (
    Features,
    HandWritten,
    Inputs,
    Logits,
    Model,
    Piecewise,
    State,
    Targets,
    Variables,
)
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.batch_norm import update_moments
from fmnist_jax.scratch.mlp import MLPConfig


@functools.cache
def mlp_model(config: MLPConfig) -> Model:
    """Build the MLP for training and inference, which flattens inputs of any shape.

    Its state are the running moments of each hidden layer; {} without batch normalisation.
    """

    def initialize(key: Key[Array, ""]) -> Variables:
        return Variables(
            mlp.init(key, config), mlp.init_moments(config) if config.batch_norm else {}
        )

    def infer(variables: Variables, inputs: Inputs) -> tuple[Logits, mlp.Cache]:
        running = variables.state or None
        return mlp.forward(variables.parameters, flatten(inputs), config, running=running)

    def apply(variables: Variables, inputs: Inputs) -> Logits:
        return infer(variables, inputs)[0]

    def features(variables: Variables, inputs: Inputs) -> Features:
        return infer(variables, inputs)[1].A[-1]

    def gradient(
        variables: Variables,
        inputs: Inputs,
        targets: Targets,
        key: Key[Array, ""],
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], mlp.Parameters]:
        (loss, logits, cache), gradients = mlp.forward_and_backward(
            variables.parameters, flatten(inputs), targets, config, key
        )
        state = variables.state
        if config.batch_norm:
            state = tuple(map(update_moments, state, cache.moments))
        return (loss, (logits, state)), gradients

    return Model(initialize, apply, features, config.loss.forward, gradient)


@functools.cache
def mlp_hand_written(config: MLPConfig) -> HandWritten:
    """Collect the hand-written gradient with what a check of it needs."""

    def init(key: Key[Array, ""]) -> mlp.Parameters:
        return mlp.init(key, config)

    def objective(
        parameters: mlp.Parameters, inputs: Inputs, targets: Targets, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, ""], Logits]:
        return mlp.objective(parameters, flatten(inputs), targets, config, key)

    def value_and_grad(
        parameters: mlp.Parameters, inputs: Inputs, targets: Targets, key: Key[Array, ""] | None
    ) -> tuple[tuple[Float[Array, ""], Logits], mlp.Parameters]:
        return mlp.value_and_grad(parameters, flatten(inputs), targets, config, key)

    def piecewise(
        parameters: mlp.Parameters, inputs: Inputs, key: Key[Array, ""] | None
    ) -> tuple[Piecewise, ...]:
        _, cache = mlp.forward(parameters, flatten(inputs), config, key)
        return tuple(
            Piecewise(activation.forward, Y)
            for activation, Y in zip(config.hidden_activations, cache.Y, strict=True)
        )

    return HandWritten(
        init, objective, value_and_grad, piecewise, config.input_shape, config.classes
    )


def flatten(inputs: Inputs) -> Float[Array, "batch inputs"]:
    """Reshape each example to one row."""
    return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))
