"""The project's epoch with `jax.value_and_grad` in place of the hand-written gradient."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, Key

from experiments.benchmarks.peers.hand_written import config_of, start_with
from experiments.benchmarks.peers.worker import Epoch, Job
from fmnist_jax.config.model import Inputs, Logits, State, Targets, Variables
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.model import flatten


def start(job: Job) -> Callable[[], Epoch]:
    """Prepare the epoch."""
    config = config_of(job)

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], mlp.Parameters]:
        differentiated = jax.value_and_grad(mlp.objective, has_aux=True)
        (loss, logits), gradients = differentiated(
            variables.parameters, flatten(inputs), targets, config, key
        )
        return (loss, (logits, variables.state)), gradients

    return start_with(job, config.build()._replace(value_and_grad=value_and_grad))
