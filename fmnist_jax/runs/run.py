"""A run from its configuration to its figures: what command lines, experiments and Python users call."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from fmnist_jax import training
from fmnist_jax.config.checks import check_type, shown_array
from fmnist_jax.data.dataset import IMAGE_SHAPE, Dataset, Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, Z_SCORE, Scaling, Statistics
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation.metrics import Metrics, classification_metrics
from fmnist_jax.models import kinds
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.base import Model, Parameters, scratch_mlp
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.pipeline_model import PipelineConfig
from fmnist_jax.scratch.activations import GELU
from fmnist_jax.scratch.initializers import random
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.checkpointing import Snapshots, restored
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, FitState, finished, fit, steps_per_epoch
from fmnist_jax.training.optimizers import adam
from fmnist_jax.training.step import DeviceSplit, predict_logits

MADE_BY = {
    TrainingConfig: "as TrainingConfig() is",
    Scaling: "as data.scaling.Z_SCORE is",
    DataConfig: "as DataConfig() is",
}
"""What to say of a run's field that has another type."""

NAMES = kinds.NAMES | training.NAMES
"""Every behaviour that a run's configuration can name."""


@dataclass(frozen=True)
class MLPRun:
    """A training of the scratch MLP; the defaults are the best row of report 1's table 1.

    Best by validation accuracy, mean over four seeds: `experiments/reports/report1/table1.py`.
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

    def __post_init__(self) -> None:
        """Refuse fields of another type."""
        check_type("model", self.model, MLPConfig, "as MLPConfig((784, 128, 10)) is")
        check_parts(self, training=TrainingConfig, scaling=Scaling, data=DataConfig)


def check_parts(run: object, **kinds: type) -> None:
    """Raise UserError where a field of the run isn't of the type given; those of `MADE_BY`."""
    for name, kind in kinds.items():
        check_type(name, getattr(run, name), kind, MADE_BY[kind])


CNN_TRAINING = TrainingConfig(
    epochs=10, batch_size=32, optimizer=adam, learning_rate=0.001, patience=None
)
"""Report 1's ten epochs; it doesn't name optimizer, batch size and learning rate. The batch size was
chosen on validation, as `experiments/reports/report1/table2_selection.py` says."""


@dataclass(frozen=True)
class CNNRun:
    """A training of a convolutional network; the defaults are report 1's best five convolutions."""

    model: ConvNetConfig = field(default_factory=lambda: FiveConv().network)
    """The network."""
    training: TrainingConfig = CNN_TRAINING
    """How it is trained."""
    scaling: Scaling = SYMMETRIC
    """How grey levels become inputs."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse fields of another type."""
        check_type("model", self.model, ConvNetConfig, "as FiveConv().network is")
        check_parts(self, training=TrainingConfig, scaling=Scaling, data=DataConfig)


OnEpoch = Callable[[FitState, EpochRecord], None]
"""Called after each epoch."""


def ignore(state: FitState, record: EpochRecord) -> None:
    """Do nothing after an epoch."""


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
    """Wall time of the training loop, compilation included; of all processes that had a part in it."""


class Assessment(NamedTuple):
    """A trained network on one split, every image of it."""

    loss: float
    """Mean over the images, without any penalty."""
    metrics: Metrics
    probabilities: Float[np.ndarray, "n classes"]
    predictions: Int[np.ndarray, " n"]


def train(
    run: MLPRun | CNNRun,
    dataset: Dataset,
    on_epoch: OnEpoch = ignore,
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train `run` on `dataset`'s training split, choosing the epoch on its validation split.

    With `snapshots` it goes on from the newest of them and adds its own; the outcome is the same to
    the bit. Raises UserError when the network doesn't fit the images or the loss stops being finite.
    """
    check_sizes(run.model, dataset)
    return train_model(
        model_of(run),
        run.training,
        on_device(dataset.train),
        on_device(dataset.validation),
        run.scaling,
        on_epoch,
        snapshots,
    )


def model_of(run: MLPRun | CNNRun) -> Model:
    """The run's network."""
    if isinstance(run.model, MLPConfig):
        return scratch_mlp(run.model)
    return kinds.conv_net(run.model)


def train_model(
    model: Model,
    config: TrainingConfig,
    train: DeviceSplit,
    validation: DeviceSplit,
    scaling: Scaling,
    on_epoch: OnEpoch = ignore,
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train any model on any inputs: images, or what another network made of them."""
    begun = time.perf_counter()
    statistics = jax.device_put(scaling.fit(np.asarray(train.images)))
    history: list[EpochRecord] = []
    begin, state = None, None
    if snapshots is not None:
        snapshots.check()
        newest = snapshots.newest
        if newest is not None:
            steps = steps_per_epoch(train, config)
            begin = state = restored(newest, model, config, steps, snapshots.stem.parent)
            history.extend(newest.history)
            begun -= newest.seconds
    for state, record in fit(model, config, train, validation, scaling, statistics, begin):
        history.append(record)
        on_epoch(state, record)
        if snapshots is not None:
            seconds = time.perf_counter() - begun
            snapshots.after(state, history, seconds, last=finished(state, config))
    assert state is not None  # epochs is at least 1
    return Trained(
        model,
        state.best_parameters,
        scaling,
        statistics,
        tuple(history),
        state.stopping.best_epoch,
        time.perf_counter() - begun,
    )


def check_sizes(model: MLPConfig | ConvNetConfig | PipelineConfig, dataset: Dataset) -> None:
    """Raise UserError where images can't be used or don't fit the network, or the classes don't."""
    if isinstance(model, PipelineConfig):
        model = model.network
    classes = len(dataset.class_names)
    for name, split in dataset.splits.items():
        _check_images(name, split.images, model)
    if isinstance(model, ConvNetConfig):
        if model.classes != classes:
            raise UserError(
                f"classes must be the data set's {classes}, found {model.classes} in the network"
            )
        return
    if model.layer_sizes[-1] != classes:
        raise UserError(
            f"layer_sizes must end with the {classes} classes, found {model.layer_sizes[-1]}"
        )


def _check_images(split: str, images: object, model: MLPConfig | ConvNetConfig) -> None:
    if getattr(images, "dtype", None) != np.uint8 or not isinstance(images, np.ndarray | jax.Array):
        raise UserError(
            f"the {split} split's images must be uint8, grey levels from 0 to 255, found "
            f"{shown_array(images)}"
        )
    if isinstance(model, ConvNetConfig):
        if images.shape[1:] != IMAGE_SHAPE:
            raise UserError(
                f"the {split} split's images must be of shape (n, 28, 28) for a convolutional "
                f"network, found {images.shape}"
            )
        return
    inputs = prod(images.shape[1:])
    if model.layer_sizes[0] != inputs:
        raise UserError(
            f"layer_sizes must begin with the {inputs} pixels of an image in the {split} split, "
            f"found {model.layer_sizes[0]}"
        )


def assess(
    trained: Trained, split: Split | DeviceSplit, class_names: tuple[str, ...]
) -> Assessment:
    """Loss, metrics and probabilities on every image (or features) of `split`."""
    return assess_all(trained, {"": split}, class_names)[""]


def assess_all(
    trained: Trained, splits: Mapping[str, Split | DeviceSplit], class_names: tuple[str, ...]
) -> dict[str, Assessment]:
    """`assess` of each split, all in one program."""
    images = np.concatenate([np.asarray(split.images) for split in splits.values()])
    all_labels = np.concatenate([np.asarray(split.labels) for split in splits.values()])
    logits = predict_logits(
        trained.parameters,
        images,
        trained.statistics,
        model=trained.model,
        scaling=trained.scaling,
    )
    all_losses = np.asarray(trained.model.losses(logits, jnp.asarray(all_labels)), np.float64)
    all_probabilities = np.asarray(jax.nn.softmax(logits, axis=-1))
    ends = np.cumsum([len(split.labels) for split in splits.values()])[:-1]
    assessments = {}
    for name, losses, probabilities, labels in zip(
        splits, *(np.split(values, ends) for values in (all_losses, all_probabilities, all_labels)),
        strict=True,
    ):  # fmt: skip
        predictions = probabilities.argmax(axis=-1)
        metrics = classification_metrics(labels, predictions, class_names)
        assessments[name] = Assessment(losses.mean().item(), metrics, probabilities, predictions)
    return assessments


def on_device(split: Split) -> DeviceSplit:
    """The split's arrays on the default device."""
    return DeviceSplit(*jax.device_put((split.images, split.labels)))
