"""How training computes a convolutional network's gradients: two ways to the same values."""

from collections.abc import Callable

import jax
from attrs import frozen
from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import Inputs, Logits, Parameters, State, Targets, Variables
from fmnist_jax.scratch import convnet
from fmnist_jax.scratch.convnet import ConvNet

ValueAndGrad = Callable[
    [Variables, Inputs, Targets, Key[Array, ""]],
    tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters],
]
"""`config.model.Model.value_and_grad`."""


@frozen
class Gradients:
    """A way to compute gradients.

    Args:
        name: In files and command lines.
        make: Makes `Model.value_and_grad` from the function that computes the logits and from the same
            network for `scratch.convnet`.
    """

    name: str
    make: Callable[[Callable[[Variables, Inputs], Logits], ConvNet], ValueAndGrad]


def autodiff(apply: Callable[[Variables, Inputs], Logits], network: ConvNet) -> ValueAndGrad:
    """`jax.value_and_grad` of the mean loss of `apply`."""

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        def objective(parameters: Parameters) -> tuple[Float[Array, ""], tuple[Logits, State]]:
            logits = apply(Variables(parameters, variables.state), inputs)
            return network.loss.forward(logits, targets).mean(), (logits, variables.state)

        return jax.value_and_grad(objective, has_aux=True)(variables.parameters)

    return value_and_grad


def hand_written(apply: Callable[[Variables, Inputs], Logits], network: ConvNet) -> ValueAndGrad:
    """`scratch.convnet.value_and_grad`: `apply` is not differentiated."""

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        (loss, logits), gradients = convnet.value_and_grad(
            variables.parameters, inputs, targets, network
        )
        return (loss, (logits, variables.state)), gradients

    return value_and_grad


AUTODIFF = Gradients("autodiff", autodiff)
HAND_WRITTEN = Gradients("hand-written", hand_written)

GRADIENTS = {gradients.name: gradients for gradients in (AUTODIFF, HAND_WRITTEN)}
"""Both by name."""
