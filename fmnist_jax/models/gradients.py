"""How training computes a convolutional network's gradients: two ways to the same values."""

from collections.abc import Callable, Sequence

import jax
from attrs import frozen
from jaxtyping import Array, Float, Key

from fmnist_jax.config.model import Inputs, Logits, Parameters, State, Targets, Variables
from fmnist_jax.scratch import convnet
from fmnist_jax.scratch.batch_norm import Moments, update_moments
from fmnist_jax.scratch.convnet import ConvNet

ValueAndGrad = Callable[
    [Variables, Inputs, Targets, Key[Array, ""]],
    tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters],
]
"""`config.model.Model.value_and_grad`."""


Train = Callable[[Variables, Inputs, Key[Array, ""]], tuple[Logits, tuple[Moments, ...]]]
"""The forward pass of training: logits, and the batch's moments of each normalisation."""


@frozen
class Gradients:
    """A way to compute gradients.

    Args:
        name: In files and command lines.
        make: Makes `Model.value_and_grad` from the forward pass of training and from the same network for
            `scratch.convnet`.
    """

    name: str
    make: Callable[[Train, ConvNet], ValueAndGrad]


def autodiff(train: Train, network: ConvNet) -> ValueAndGrad:
    """`jax.value_and_grad` of the mean loss of `train`."""

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        def objective(parameters: Parameters) -> tuple[Float[Array, ""], tuple[Logits, State]]:
            logits, moments = train(Variables(parameters, variables.state), inputs, key)
            loss = network.loss.forward(logits, targets).mean()
            return loss, (logits, next_state(variables.state, moments))

        return jax.value_and_grad(objective, has_aux=True)(variables.parameters)

    return value_and_grad


def hand_written(train: Train, network: ConvNet) -> ValueAndGrad:
    """`scratch.convnet.value_and_grad`: `train` is not differentiated."""

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], Parameters]:
        (loss, logits, cache), gradients = convnet.forward_and_backward(
            variables.parameters, inputs, targets, network, key
        )
        moments = tuple(one for block in cache.blocks for one in block.moments)
        return (loss, (logits, next_state(variables.state, moments))), gradients

    return value_and_grad


def next_state(state: State, moments: Sequence[Moments]) -> State:
    """Update the running moments of each block by those of the batch; {} stays {}."""
    if not state:
        return state
    blocks = state["blocks"]
    updated = (
        update_moments(Moments(**running), batch)._asdict()
        for running, batch in zip(blocks.values(), moments, strict=True)
    )
    return {"blocks": dict(zip(blocks, updated, strict=True))}


AUTODIFF = Gradients("autodiff", autodiff)
HAND_WRITTEN = Gradients("hand-written", hand_written)

GRADIENTS = {gradients.name: gradients for gradients in (AUTODIFF, HAND_WRITTEN)}
"""Both by name."""
