"""A run from its configuration to its figures: what command lines, experiments and Python users call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from fmnist_jax import scratch, training
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SCALINGS, Z_SCORE, Scaling, Statistics
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation.metrics import Metrics, classification_metrics
from fmnist_jax.models import Model, Parameters, scratch_mlp
from fmnist_jax.scratch.activations import GELU
from fmnist_jax.scratch.initializers import random
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.epoch import DeviceSplit, predict_logits
from fmnist_jax.training.fit import EpochRecord, FitState, fit

NAMES = scratch.NAMES | training.NAMES | {Scaling: SCALINGS}
"""Every behaviour that a run's configuration can name."""


@dataclass(frozen=True)
class MLPRun:
    """A training of the scratch MLP; the defaults are the best row of report 1's table 1.

    Best by validation accuracy, mean over three seeds: `experiments/report1_table1.py`.
    """

    model: MLPConfig = field(
        default_factory=lambda: MLPConfig(activations=(GELU,), dropout=0.2, initializer=random)
    )
    """The network."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How it is trained."""
    scaling: Scaling = Z_SCORE
    """How grey levels become inputs."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""


class Trained(NamedTuple):
    """What training leaves: the best epoch's weights, and how it went."""

    model: Model
    parameters: Parameters
    scaling: Scaling
    statistics: Statistics
    history: tuple[EpochRecord, ...]
    best_epoch: int
    """The epoch whose weights are kept, counted from 1."""
    seconds: float
    """Wall time of the training loop, compilation included."""


class Assessment(NamedTuple):
    """A trained network on one split, every image of it."""

    loss: float
    """Mean over the images, without any penalty."""
    metrics: Metrics
    probabilities: Float[np.ndarray, "n classes"]
    predictions: Int[np.ndarray, " n"]


def train(
    run: MLPRun,
    dataset: Dataset,
    on_epoch: Callable[[FitState, EpochRecord], None] = lambda state, record: None,
) -> Trained:
    """Train `run` on `dataset`'s training split, choosing the epoch on its validation split.

    `on_epoch` is called after each epoch; the state it gets is donated to the next one. Raises
    UserError when the network doesn't fit the images or the loss stops being finite.
    """
    check_sizes(run.model, dataset)
    begun = time.perf_counter()
    model = scratch_mlp(run.model)
    statistics = jax.device_put(run.scaling.fit(dataset.train.images))
    history: list[EpochRecord] = []
    state = None
    for state, record in fit(
        model,
        run.training,
        on_device(dataset.train),
        on_device(dataset.validation),
        run.scaling,
        statistics,
    ):
        history.append(record)
        on_epoch(state, record)
    assert state is not None  # epochs is at least 1
    return Trained(
        model,
        state.best_parameters,
        run.scaling,
        statistics,
        tuple(history),
        state.stopping.best_epoch,
        time.perf_counter() - begun,
    )


def check_sizes(model: MLPConfig, dataset: Dataset) -> None:
    """Raise UserError where the network's first or last layer doesn't fit the data set."""
    inputs = dataset.train.images[0].size
    if model.layer_sizes[0] != inputs:
        raise UserError(
            f"layer_sizes must begin with the {inputs} pixels of an image, found "
            f"{model.layer_sizes[0]}"
        )
    if model.layer_sizes[-1] != len(dataset.class_names):
        raise UserError(
            f"layer_sizes must end with the {len(dataset.class_names)} classes, found "
            f"{model.layer_sizes[-1]}"
        )


def assess(trained: Trained, split: Split, class_names: tuple[str, ...]) -> Assessment:
    """Loss, metrics and probabilities on every image of `split`."""
    logits = predict_logits(
        trained.parameters,
        split.images,
        trained.statistics,
        model=trained.model,
        scaling=trained.scaling,
    )
    losses = trained.model.losses(logits, jnp.asarray(split.labels))
    probabilities = np.asarray(jax.nn.softmax(logits, axis=-1))
    predictions = probabilities.argmax(axis=-1)
    return Assessment(
        np.asarray(losses, np.float64).mean().item(),
        classification_metrics(split.labels, predictions, class_names),
        probabilities,
        predictions,
    )


def on_device(split: Split) -> DeviceSplit:
    """The split's arrays on the default device."""
    return DeviceSplit(*jax.device_put((split.images, split.labels)))
