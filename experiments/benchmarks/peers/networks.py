"""Ours: a convolutional network's training and feature extraction, as the project runs them."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.benchmarks.peers.worker import Job
from fmnist_jax.config.codec import decode
from fmnist_jax.data.scaling import SCALINGS, Scaling
from fmnist_jax.models import functional
from fmnist_jax.models.base import Model, Parameters
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.runs.pipeline import extract_features
from fmnist_jax.runs.run import NAMES
from fmnist_jax.training.config import TrainingConfig, optimizer_of
from fmnist_jax.training.optimizers import OPTIMIZERS
from fmnist_jax.training.step import DeviceSplit, TrainState, evaluate, train_epoch


class Training(NamedTuple):
    """What an epoch tells, and how long its program took to trace and compile, before any epoch."""

    loss: float
    accuracy: float
    compile_seconds: float


class Extraction(NamedTuple):
    """What an extraction tells: the mean of all features."""

    mean: float


def train(job: Job) -> Callable[[], Training]:
    """An epoch of `counts["train"]` images with `fmnist_jax.training`'s loop."""
    return train_with(job, functional.conv_net(config_of(job)), job.counts["train"])


def train_with(job: Job, model: Model, count: int) -> Callable[[], Training]:
    """An epoch of any model with parameters of our shapes.

    A validation is run once, before, so that the process's memory is that of a training.
    """
    training = TrainingConfig(
        batch_size=job.batch_size,
        optimizer=OPTIMIZERS[job.optimizer],
        learning_rate=job.learning_rate,
    )
    optimizer = optimizer_of(training, -(-count // job.batch_size))
    parameters, scaling, statistics = parameters_of(job), SCALINGS[job.scaling], statistics_of(job)
    state = TrainState(parameters, optimizer.init(parameters))
    key = jax.random.key(job.seed)
    begun = time.perf_counter()
    compiled = train_epoch.lower(
        state,
        key,
        split_of(job, count),
        statistics,
        model=model,
        scaling=scaling,
        optimizer=optimizer,
        batch_size=job.batch_size,
    ).compile()
    compile_seconds = time.perf_counter() - begun
    validation = split_of(job, job.counts["features"])
    evaluate(parameters, validation, statistics, model=model, scaling=scaling)
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
    """The features of `counts["features"]` images, left on the device."""
    images = split_of(job, job.counts["features"]).images
    config, parameters = config_of(job), parameters_of(job)
    scaling: Scaling = SCALINGS[job.scaling]
    statistics = statistics_of(job)

    def extract() -> Extraction:
        made = extract_features(parameters, images, statistics, config=config, scaling=scaling)
        return Extraction(float(made.mean()))

    return extract


def config_of(job: Job) -> ConvNetConfig:
    """The network."""
    return decode(ConvNetConfig, job.network, NAMES, "job.json")


def parameters_of(job: Job) -> Parameters:
    """The first parameters, on the device; they were stored as `blocks.0.kernel` and so on."""
    parameters: dict[str, Any] = {}
    for path, values in job.arrays("weights").items():
        part, index, name = path.split(".")
        parameters.setdefault(part, {}).setdefault(int(index), {})[name] = values
    return jax.device_put(parameters)


def split_of(job: Job, count: int) -> DeviceSplit:
    """The first images with their labels, on the device, as they are."""
    return DeviceSplit(*jax.device_put((job.array("images")[:count], job.array("labels")[:count])))


def statistics_of(job: Job) -> Any:
    """Of the scaling, on the device."""
    return jax.device_put(job.arrays("statistics"))
