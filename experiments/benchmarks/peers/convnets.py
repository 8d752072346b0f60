"""Ours: a convnet's training and feature extraction, as the project runs them."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.benchmarks.peers.worker import Job
from fmnist_jax.config.codec import decode
from fmnist_jax.config.model import Model, Variables
from fmnist_jax.data.scaling import SCALINGS
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.runs.config import NAMES
from fmnist_jax.training.config import TrainingConfig, build_optimizer
from fmnist_jax.training.optimizers import OPTIMIZERS
from fmnist_jax.training.step import (
    DeviceSplit,
    Task,
    evaluate,
    first_state,
    predict_features,
    put_on_device,
    train_epoch,
)


class Training(NamedTuple):
    """An epoch's figures, and how long its program took to trace and compile, before any epoch."""

    loss: float
    accuracy: float
    compile_seconds: float


class Extraction(NamedTuple):
    """An extraction's figure: the mean of all features."""

    mean: float


def train(job: Job) -> Callable[[], Training]:
    """Prepare an epoch of `counts["train"]` images."""
    return train_with(job, config_of(job).build(), job.counts["train"])


def train_with(job: Job, model: Model, count: int) -> Callable[[], Training]:
    """Prepare an epoch of any model that has our parameters.

    It is evaluated once, so that the process needs the memory of a training with validation.
    """
    training = TrainingConfig(
        batch_size=job.batch_size,
        optimizer=OPTIMIZERS[job.optimizer],
        learning_rate=job.learning_rate,
    )
    optimizer = build_optimizer(training, -(-count // job.batch_size))
    task = Task(model, SCALINGS[job.scaling], optimizer, job.batch_size)
    variables, statistics = variables_of(job), statistics_of(job)
    state = first_state(task, variables)
    key = jax.random.key(job.seed)
    start = time.perf_counter()
    compiled = train_epoch.lower(state, key, split_of(job, count), statistics, task).compile()
    compile_seconds = time.perf_counter() - start
    evaluate(variables, split_of(job, job.counts["features"]), statistics, task)
    data, epochs = split_of(job, count), 0

    def epoch() -> Training:
        nonlocal state, epochs
        epochs += 1
        state, metrics = jax.block_until_ready(
            compiled(state, jax.random.fold_in(key, epochs), data, statistics)
        )
        loss_sum = np.asarray(metrics.loss_sum, np.float64).sum().item()
        correct = np.asarray(metrics.correct).sum().item()
        return Training(loss_sum / count, correct / count, compile_seconds)

    return epoch


def features(job: Job) -> Callable[[], Extraction]:
    """Prepare the extraction of features of `counts["features"]` images; they stay on the device."""
    images = split_of(job, job.counts["features"]).images
    model, scaling = config_of(job).build(), SCALINGS[job.scaling]
    variables, statistics = variables_of(job), statistics_of(job)

    def extract() -> Extraction:
        features = predict_features(variables, images, statistics, model, scaling)
        return Extraction(float(features.mean()))

    return extract


def config_of(job: Job) -> ConvNetConfig:
    """Return the network's configuration."""
    return decode(ConvNetConfig, job.network, NAMES, "job.json")


def variables_of(job: Job) -> Variables:
    """Put the initial parameters on the device; they are stored as `blocks.0.kernel` and so on."""
    parameters: dict[str, Any] = {}
    for path, values in job.arrays("weights").items():
        part, index, name = path.split(".")
        parameters.setdefault(part, {}).setdefault(int(index), {})[name] = values
    return Variables(jax.device_put(parameters), {})


def split_of(job: Job, count: int) -> DeviceSplit:
    """Put the first images, unscaled, and their labels on the device."""
    images, labels = job.array("images")[:count], job.array("labels")[:count]
    return put_on_device(images, labels, config_of(job).classes)


def statistics_of(job: Job) -> Any:
    """Put the scaling's statistics on the device."""
    return jax.device_put(job.arrays("statistics"))
