"""A network as training, evaluation and inference see it, and the scratch MLP seen so."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float, Int, Key

from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import MLPConfig

Parameters = Any
"""Any pytree of arrays."""
Inputs = Float[Array, "batch *shape"]
Logits = Float[Array, "batch classes"]
Labels = Int[Array, " batch"]


class Model(NamedTuple):
    """Four pure functions; nobody who holds one knows who wrote the gradient.

    Jitted programs take a model as a static argument, so the same configuration must give the same
    object: its makers are cached.
    """

    init: Callable[[Key[Array, ""]], Parameters]
    """Draws the first parameters."""
    apply: Callable[[Parameters, Inputs], Logits]
    """Inference: no dropout."""
    losses: Callable[[Logits, Labels], Float[Array, " batch"]]
    """One loss an example, without any penalty."""
    value_and_grad: Callable[
        [Parameters, Inputs, Labels, Key[Array, ""]],
        tuple[tuple[Float[Array, ""], Logits], Parameters],
    ]
    """((mean loss and penalties, logits), gradients), the key drawing dropout."""


class Network(NamedTuple):
    """The first three of a `Model`'s functions: a network that is used and not trained as a whole."""

    init: Callable[[Key[Array, ""]], Parameters]
    apply: Callable[[Parameters, Inputs], Logits]
    losses: Callable[[Logits, Labels], Float[Array, " batch"]]


@functools.cache
def scratch_mlp(config: MLPConfig) -> Model:
    """The scratch MLP with its hand-written gradient; inputs of any shape are flattened."""

    def init(key: Key[Array, ""]) -> mlp.Parameters:
        return mlp.init(key, config)

    def apply(parameters: mlp.Parameters, inputs: Inputs) -> Logits:
        return mlp.forward(parameters, flatten(inputs), config)[0]

    def value_and_grad(
        parameters: mlp.Parameters, inputs: Inputs, labels: Labels, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], Logits], mlp.Parameters]:
        return mlp.value_and_grad(parameters, flatten(inputs), labels, config, key)

    return Model(init, apply, config.loss.forward, value_and_grad)


def by_autodiff(
    init: Callable[[Key[Array, ""]], Parameters],
    apply: Callable[[Parameters, Inputs], Logits],
    losses: Callable[[Logits, Labels], Float[Array, " batch"]],
) -> Model:
    """A network without dropout or penalty whose gradient is `jax.value_and_grad`'s."""

    def value_and_grad(
        parameters: Parameters, inputs: Inputs, labels: Labels, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], Logits], Parameters]:
        def objective(parameters: Parameters) -> tuple[Float[Array, ""], Logits]:
            logits = apply(parameters, inputs)
            return losses(logits, labels).mean(), logits

        return jax.value_and_grad(objective, has_aux=True)(parameters)

    return Model(init, apply, losses, value_and_grad)


def flatten(inputs: Inputs) -> Float[Array, "batch inputs"]:
    """Each example as one row."""
    return inputs.reshape(inputs.shape[0], -1)
