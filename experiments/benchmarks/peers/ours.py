"""Ours: training and feature extraction of any network, as the project runs them."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from experiments.benchmarks.peers.worker import Job
from fmnist_jax.config.codec import decode
from fmnist_jax.config.model import Inputs, Logits, Model, State, Targets, Variables
from fmnist_jax.runs.config import NAMES, Stage
from fmnist_jax.scratch import mlp
from fmnist_jax.scratch.model import flatten
from fmnist_jax.storage.arrays import flatten_paths
from fmnist_jax.training.config import build_optimizer
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
    """Prepare an epoch of `counts["train"]` images, which stay uint8: the program scales them."""
    return train_with(job, stage_of(job).model.build(), job.counts["train"])


def autodiff(job: Job) -> Callable[[], Training]:
    """As `train`, with `jax.value_and_grad` in place of the MLP's hand-written gradient."""
    config: Any = stage_of(job).model

    def value_and_grad(
        variables: Variables, inputs: Inputs, targets: Targets, key: Key[Array, ""]
    ) -> tuple[tuple[Float[Array, ""], tuple[Logits, State]], mlp.Parameters]:
        differentiated = jax.value_and_grad(mlp.objective, has_aux=True)
        (loss, logits), gradients = differentiated(
            variables.parameters, flatten(inputs), targets, config, key
        )
        return (loss, (logits, variables.state)), gradients

    model = config.build()._replace(value_and_grad=value_and_grad)
    return train_with(job, model, job.counts["train"])


def train_with(job: Job, model: Model, count: int) -> Callable[[], Training]:
    """Prepare an epoch of any model that has our parameters.

    It is evaluated once, so that the process needs the memory of a training with validation.
    """
    stage = stage_of(job)
    batch_size = stage.training.batch_size
    optimizer = build_optimizer(stage.training, -(-count // batch_size))
    task = Task(model, stage.scaling, optimizer, batch_size)
    variables, statistics = variables_of(job), statistics_of(job)
    state = first_state(task, variables)
    key = jax.random.key(stage.training.seed)
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
    stage = stage_of(job)
    model, scaling = stage.model.build(), stage.scaling
    variables, statistics = variables_of(job), statistics_of(job)

    def extract() -> Extraction:
        features = predict_features(variables, images, statistics, model, scaling)
        return Extraction(float(features.mean()))

    return extract


def stage_of(job: Job) -> Stage:
    """Return the network's configuration, and its training's."""
    return decode(Stage, job.stage, NAMES, "job.json")


def variables_of(job: Job) -> Variables:
    """Put the initial parameters on the device; `job.arrays` has them by their paths in the tree."""
    initial = jax.eval_shape(stage_of(job).model.build().init, jax.random.key(0))
    paths = flatten_paths(initial.parameters)
    weights = job.arrays("weights")
    parameters = jax.tree.unflatten(
        jax.tree.structure(initial.parameters), [weights[path] for path in paths]
    )
    return Variables(jax.device_put(parameters), {})


def split_of(job: Job, count: int) -> DeviceSplit:
    """Put the first images, unscaled, and their labels on the device."""
    images, labels = job.array("images")[:count], job.array("labels")[:count]
    return put_on_device(images, labels, stage_of(job).model.classes)


def statistics_of(job: Job) -> Any:
    """Put the scaling's statistics on the device."""
    return jax.device_put(job.arrays("statistics"))
