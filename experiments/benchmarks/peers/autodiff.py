"""The project's own epoch with `jax.value_and_grad` of the same objective: what autodiff costs."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, Key

from experiments.benchmarks.peers.hand_written import start_with
from experiments.benchmarks.peers.worker import Epoch, Job
from fmnist_jax.models.base import Inputs, Labels, Logits, flatten, scratch_mlp
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.mlp import MLPConfig


def start(job: Job) -> Callable[[], Epoch]:
    """As ours, but for the gradient."""
    config = MLPConfig(layer_sizes=tuple(job.network["layer_sizes"]))

    def value_and_grad(
        parameters: mlp.Parameters, inputs: Inputs, labels: Labels, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], Logits], mlp.Parameters]:
        differentiated = jax.value_and_grad(mlp.objective, has_aux=True)
        return differentiated(parameters, flatten(inputs), labels, config, key)

    return start_with(job, scratch_mlp(config)._replace(value_and_grad=value_and_grad))
