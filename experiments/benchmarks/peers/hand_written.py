"""Ours: the project's own epoch, the scratch MLP with its hand-written gradient."""

from collections.abc import Callable

import jax
import numpy as np

from experiments.benchmarks.peers.worker import Epoch, Job
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models.base import Model, scratch_mlp
from fmnist_jax.scratch.mlp import Dense, MLPConfig
from fmnist_jax.training.config import TrainingConfig, optimizer_of
from fmnist_jax.training.step import DeviceSplit, TrainState, train_epoch


def start(job: Job) -> Callable[[], Epoch]:
    """Put the images on the device as they are; scaling is a part of the program."""
    return start_with(job, scratch_mlp(MLPConfig(layer_sizes=tuple(job.network["layer_sizes"]))))


def start_with(job: Job, model: Model) -> Callable[[], Epoch]:
    """`fmnist_jax.training`'s epoch with any model."""
    config = TrainingConfig(batch_size=job.batch_size, learning_rate=job.learning_rate)
    data = DeviceSplit(*jax.device_put((job.array("images"), job.array("labels"))))
    statistics = jax.device_put(job.arrays("statistics"))
    weights = jax.device_put(job.arrays("weights"))
    parameters = tuple(
        Dense(weights[f"W{index}"], weights[f"b{index}"]) for index in range(len(weights) // 2)
    )
    optimizer = optimizer_of(config, -(-len(data.labels) // job.batch_size))
    state = TrainState(parameters, optimizer.init(parameters))
    key = jax.random.key(job.seed)
    epochs = 0

    def epoch() -> Epoch:
        nonlocal state, epochs
        epochs += 1
        state, metrics = jax.block_until_ready(
            train_epoch(
                state,
                jax.random.fold_in(key, epochs),
                data,
                statistics,
                model=model,
                scaling=Z_SCORE,
                optimizer=optimizer,
                batch_size=job.batch_size,
            )
        )
        loss_sum = np.asarray(metrics.loss_sum, np.float64).sum().item()
        correct = np.asarray(metrics.correct).sum().item()
        return Epoch(loss_sum / len(data.labels), correct / len(data.labels))

    return epoch
