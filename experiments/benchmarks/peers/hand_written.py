"""Ours: the project's epoch of the scratch MLP with its hand-written gradient."""

from collections.abc import Callable

import jax
import numpy as np

from experiments.benchmarks.peers.worker import Epoch, Job
from fmnist_jax.config.model import Model, Variables
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.scratch.dense import Dense
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig, build_optimizer
from fmnist_jax.training.step import Task, first_state, put_on_device, train_epoch


def start(job: Job) -> Callable[[], Epoch]:
    """Prepare the epoch; the images stay uint8, and the program scales them."""
    return start_with(job, config_of(job).build())


def config_of(job: Job) -> MLPConfig:
    """Return the network's configuration."""
    return MLPConfig(layer_sizes=tuple(job.network["layer_sizes"]))


def start_with(job: Job, model: Model) -> Callable[[], Epoch]:
    """Prepare the epoch of any model that has our parameters."""
    config = TrainingConfig(batch_size=job.batch_size, learning_rate=job.learning_rate)
    data = put_on_device(job.array("images"), job.array("labels"), config_of(job).classes)
    statistics = jax.device_put(job.arrays("statistics"))
    weights = jax.device_put(job.arrays("weights"))
    parameters = tuple(
        Dense(weights[f"W{index}"], weights[f"b{index}"]) for index in range(len(weights) // 2)
    )
    optimizer = build_optimizer(config, -(-len(data.labels) // job.batch_size))
    task = Task(model, Z_SCORE, optimizer, job.batch_size)
    state = first_state(task, Variables(parameters, {}))
    key = jax.random.key(job.seed)
    epochs = 0

    def epoch() -> Epoch:
        nonlocal state, epochs
        epochs += 1
        state, metrics = jax.block_until_ready(
            train_epoch(state, jax.random.fold_in(key, epochs), data, statistics, task)
        )
        loss_sum = np.asarray(metrics.loss_sum, np.float64).sum().item()
        correct = np.asarray(metrics.correct).sum().item()
        return Epoch(loss_sum / len(data.labels), correct / len(data.labels))

    return epoch
