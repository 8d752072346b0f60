"""A made-up network with state in addition to its parameters, as batch norm has it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from attrs import frozen

from fmnist_jax.config.model import HandWritten, Layer, Model, Variables
from fmnist_jax.scratch.losses import softmax_cross_entropy

MOMENTUM = 0.9


@frozen
class RunningMean:
    """A linear classifier of inputs less their running mean; a `ModelConfig`.

    Training subtracts the batch's mean; inference the running mean, which is the state, with the number of
    steps that made it.
    """

    inputs: int = 16
    classes: int = 10

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.inputs,)

    @property
    def features(self) -> int:
        return self.inputs

    @property
    def min_batch(self) -> int:
        return 1

    def build(self) -> Model:
        return _build(self)

    def hand_written(self) -> HandWritten:
        raise NotImplementedError

    def layers(self) -> tuple[Layer, ...]:
        weights = self.inputs * self.classes
        return (Layer("dense 1", (self.classes,), weights, weights, first=True),)

    def feature_layers(self) -> tuple[Layer, ...]:
        return ()

    def first_layer(self, variables: Variables) -> Any:
        side = round(self.inputs**0.5)
        return variables.parameters["W"].T.reshape(self.classes, side, side)

    def feature_maps(self, variables: Variables, inputs: Any) -> tuple[()]:
        return ()


@functools.cache
def _build(config: RunningMean) -> Model:
    def init(key):
        W = 0.1 * jax.random.normal(key, (config.inputs, config.classes))
        mean = jnp.zeros(config.inputs, jnp.float32)
        return Variables({"W": W}, {"mean": mean, "steps": jnp.int32(0)})

    def features(variables, inputs):
        return inputs.reshape(len(inputs), -1) - variables.state["mean"][None]

    def apply(variables, inputs):
        return features(variables, inputs) @ variables.parameters["W"]

    def value_and_grad(variables, inputs, targets, key):
        rows = inputs.reshape(len(inputs), -1)
        mean = rows.mean(axis=0)
        state = {
            "mean": MOMENTUM * variables.state["mean"] + (1 - MOMENTUM) * mean,
            "steps": variables.state["steps"] + 1,
        }

        def objective(parameters):
            logits = (rows - mean[None]) @ parameters["W"]
            return softmax_cross_entropy(logits, targets).mean(), (logits, state)

        return jax.value_and_grad(objective, has_aux=True)(variables.parameters)

    return Model(init, apply, features, softmax_cross_entropy, value_and_grad)
