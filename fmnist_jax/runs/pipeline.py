"""Reports 1 and 4: a convolutional network is trained, then the scratch MLP on its features."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fmnist_jax.checkpoint.arrays import by_name, check_layout
from fmnist_jax.checkpoint.checkpoint import find_checkpoint, restore_checkpoint
from fmnist_jax.config.codec import decode
from fmnist_jax.config.checks import check_type, shown_array
from fmnist_jax.data.dataset import IMAGE_SHAPE, Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, Scaling, Statistics
from fmnist_jax.errors import UserError
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.base import Parameters, scratch_mlp
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.kinds import conv_net, kind_of
from fmnist_jax.models.pipeline_model import PipelineConfig, PipelineParameters, fingerprint
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.run import CNN_TRAINING, NAMES, Assessment, CNNRun, OnEpoch, Trained, ignore
from fmnist_jax.scratch.initializers import random
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import unchanged
from fmnist_jax.training.checkpointing import Snapshots
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import cosine
from fmnist_jax.training.step import DeviceSplit, in_batches

MAIN_NETWORK = FiveConv(filters=(16, 32, 64, 128, 256), hidden=512)
"""The network of the main job, `fmnist-jax train`."""

MAIN_TRAINING = replace(CNN_TRAINING, schedule=cosine)
"""How the main job trains it: report 1's ten epochs, the rate falling to nothing along a cosine."""

MLP_TRAINING = TrainingConfig(learning_rate=0.01)
"""How the MLP on features is trained: as the one on pixels, but at a rate chosen on
validation, as `experiments/reports/report1/table2_selection.py` says."""


def pipeline_of(network: FiveConv) -> PipelineConfig:
    """Report 1's pair: the scratch MLP has the widths of the network's own head, and ReLU.

    Raises UserError for what is no FiveConv.
    """
    check_type("network", network, FiveConv, "as FiveConv() is (others go into a PipelineConfig)")
    config = network.network
    sizes = (config.features, network.hidden, config.classes)
    return PipelineConfig(config, MLPConfig(sizes, initializer=random))


@dataclass(frozen=True)
class PipelineRun:
    """A training of a convolutional network and then of the scratch MLP on its features.

    Raises UserError for fields of another type and for features to be changed as images are.
    """

    model: PipelineConfig = field(default_factory=lambda: pipeline_of(MAIN_NETWORK))
    """The two."""
    network_training: TrainingConfig = MAIN_TRAINING
    """How the network is trained."""
    mlp_training: TrainingConfig = MLP_TRAINING
    """How the MLP is trained."""
    scaling: Scaling = SYMMETRIC
    """How grey levels become the network's inputs."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse fields of another type, and an augmentation of features."""
        remedy = "as PipelineRun.of(FiveConv()) makes one of a FiveConv"
        check_type("model", self.model, PipelineConfig, remedy)
        runs.check_parts(
            self,
            network_training=TrainingConfig,
            mlp_training=TrainingConfig,
            scaling=Scaling,
            data=DataConfig,
        )
        if self.mlp_training.augmentation is not unchanged:
            raise UserError(
                "mlp_training: augmentation must be none, features being no images; that of "
                "network_training changes the images"
            )

    @classmethod
    def of(cls, network: FiveConv, **others: Any) -> "PipelineRun":
        """A run of report 1's pair; `others` are the other fields."""
        return cls(pipeline_of(network), **others)

    @property
    def network_run(self) -> CNNRun:
        """The first half as a run of its own."""
        return CNNRun(self.model.network, self.network_training, self.scaling, self.data)


class Features(NamedTuple):
    """What a network makes of every image, on the device, as `images` of the splits: (n, features)."""

    train: DeviceSplit
    validation: DeviceSplit
    test: DeviceSplit


class TrainedPipeline(NamedTuple):
    """What the two trainings leave."""

    network: Trained
    """Its history is empty where the network had been trained before."""
    features: Features
    mlp: Trained
    extractor: str
    """`fingerprint` of the network's parameters that made the features."""
    extraction_seconds: float
    """Wall time of the features of all splits, compilation included."""

    @property
    def scaling(self) -> Scaling:
        """Of the images."""
        return self.network.scaling

    @property
    def statistics(self) -> Statistics:
        """Of the images."""
        return self.network.statistics

    @property
    def parameters(self) -> PipelineParameters:
        """Of the two as one network."""
        return PipelineParameters(self.network.parameters, self.mlp.statistics, self.mlp.parameters)


class PipelineAssessment(NamedTuple):
    """Both networks on one split, every image of it."""

    network: Assessment
    """The convolutional network's own dense layers."""
    mlp: Assessment
    """The scratch MLP on the features."""


NO_SNAPSHOTS: Mapping[str, Snapshots] = MappingProxyType({})
"""Nothing is kept of a training that is cut short."""


def ignore_features(network: Trained, features: Features) -> None:
    """Do nothing between the two trainings."""


def train_pipeline(
    run: PipelineRun,
    dataset: Dataset,
    on_network_epoch: OnEpoch = ignore,
    on_mlp_epoch: OnEpoch = ignore,
    on_features: Callable[[Trained, Features], None] = ignore_features,
    network: Trained | None = None,
    snapshots: Mapping[str, Snapshots] = NO_SNAPSHOTS,
) -> TrainedPipeline:
    """Train the network, extract every split's features, train the scratch MLP on them.

    `on_features` is called between the two. With `network`, trained before as `run.network_run` says,
    only the MLP is trained. `snapshots` are, as `runs.train` takes them, of the parts `network` and
    `mlp`: a network that had been trained to its end isn't trained again.

    Raises UserError where the network isn't the configured one or doesn't fit the images, and where
    a loss stops being finite.
    """
    runs.check_sizes(run.model.network, dataset)
    if network is None:
        network = runs.train(run.network_run, dataset, on_network_epoch, snapshots.get("network"))
    else:
        _check_network(network, run)
    begun = time.perf_counter()
    features = jax.block_until_ready(features_of(network, run.model.network, dataset))
    seconds = time.perf_counter() - begun
    on_features(network, features)
    mlp = runs.train_model(
        scratch_mlp(run.model.mlp),
        run.mlp_training,
        features.train,
        features.validation,
        run.model.feature_scaling,
        on_mlp_epoch,
        snapshots.get("mlp"),
    )
    return TrainedPipeline(network, features, mlp, fingerprint(network.parameters), seconds)


def _check_network(network: Trained, run: PipelineRun) -> None:
    check_type("network", network, Trained, "as restore_network's second is")
    if (network.model, network.scaling) != (conv_net(run.model.network), run.scaling):
        raise UserError(
            "network: trained with another configuration or scaling than the run's; give the run "
            "those of the network"
        )
    expected = jax.eval_shape(network.model.init, jax.random.key(0))
    check_layout(by_name(network.parameters), by_name(expected), "network")


def features_of(network: Trained, config: ConvNetConfig, dataset: Dataset) -> Features:
    """The features of every split, all in one program, with its labels."""
    splits = dataset.splits
    images = jax.device_put(np.concatenate([split.images for split in splits.values()]))
    features = extract_features(
        network.parameters, images, network.statistics, config=config, scaling=network.scaling
    )
    ends = np.cumsum([len(split.labels) for split in splits.values()])[:-1]
    parts = jnp.split(features, ends)
    labels = [jax.device_put(split.labels) for split in splits.values()]
    return Features(*(DeviceSplit(*pair) for pair in zip(parts, labels, strict=True)))


def extract_features(
    parameters: Parameters,
    images: UInt8[Array | np.ndarray, "n 28 28"],
    statistics: Statistics,
    *,
    config: ConvNetConfig,
    scaling: Scaling,
) -> Float[Array, "n features"]:
    """The features of every image, in order: one program for a whole split.

    Raises UserError for images of another shape or type.
    """
    shape, dtype = getattr(images, "shape", ()), getattr(images, "dtype", None)
    if shape[1:] != IMAGE_SHAPE or dtype != np.uint8:
        raise UserError(
            "images must be an array of uint8, grey levels from 0 to 255, of shape (n, 28, 28), "
            f"found {shown_array(images)}; one image is images[None]"
        )
    return _extract(parameters, images, statistics, config=config, scaling=scaling)


@partial(jax.jit, static_argnames=("config", "scaling"))
def _extract(
    parameters: Parameters,
    images: UInt8[Array, "n 28 28"],
    statistics: Statistics,
    *,
    config: ConvNetConfig,
    scaling: Scaling,
) -> Float[Array, "n features"]:
    from fmnist_jax.models import functional

    return in_batches(
        lambda part: functional.features(parameters, scaling.apply(statistics, part), config),
        images,
    )


def assess_pipeline(trained: TrainedPipeline, dataset: Dataset) -> dict[str, PipelineAssessment]:
    """Loss, metrics and probabilities of both on every image, by split."""
    names = dataset.class_names
    network = runs.assess_all(trained.network, dataset.splits, names)
    mlp = runs.assess_all(trained.mlp, trained.features._asdict(), names)
    return {split: PipelineAssessment(network[split], mlp[split]) for split in network}


SPLIT = ("validation_fraction", "stratified", "split_seed")
"""The fields of `DataConfig` that say which images are held back for validation."""


def restore_network(path_or_name: str | Path, data: DataConfig) -> tuple[CNNRun, Trained, str]:
    """A stored network: the run it came from, itself as `train_pipeline` takes it, its data's checksum.

    Raises UserError for a checkpoint that can't be found or used, is of another kind, or has learned
    from images that `data` holds back for validation.
    """
    path = find_checkpoint(path_or_name)
    checkpoint = restore_checkpoint(path)
    model, scaling = checkpoint.model, checkpoint.scaling
    if not isinstance(model, ConvNetConfig):
        raise UserError(
            f"{path}: a checkpoint of kind {kind_of(model)!r}; name one of kind 'cnn', as "
            "fmnist-jax train cnn writes it"
        )
    run = replace(decode(CNNRun, checkpoint.run, NAMES, path), model=model, scaling=scaling)
    for name in SPLIT:
        found, expected = getattr(data, name), getattr(run.data, name)
        if found != expected:
            raise UserError(
                f"{name} must be {expected}, as for the network in {path}, found {found}: with "
                "another split it would be validated on images that it has learned"
            )
    trained = Trained(
        conv_net(model),
        checkpoint.parameters,
        scaling,
        checkpoint.statistics,
        history=(),
        best_epoch=0,
        seconds=0.0,
    )
    return run, trained, checkpoint.data_checksum
