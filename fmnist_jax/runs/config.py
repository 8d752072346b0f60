"""The one concept of a run: data plus a sequence of stages, each of which trains one model."""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import prod
from pathlib import Path

import attrs
import jax
import numpy as np
from attrs import evolve, field, frozen

from fmnist_jax.config.codec import Names
from fmnist_jax.config.fields import as_tuple, each, format_array, function, must, of_type
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.devices.mesh import device_count
from fmnist_jax.errors import UserError
from fmnist_jax.models.names import NAMES as MODEL_NAMES
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.training import NAMES as TRAINING_NAMES
from fmnist_jax.training.config import TrainingConfig, check_without_validation

NAMES: Names = {**MODEL_NAMES, **TRAINING_NAMES}
"""Every behaviour and type of network that a run's configuration can name."""


def _is_name(owner: object, attribute: attrs.Attribute, value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", value):
        raise must(attribute.name, "a short name of lower-case letters, digits and _", value)


def _is_model(owner: object, attribute: attrs.Attribute, value: object) -> None:
    if not hasattr(value, "build") or isinstance(value, type):
        raise must(
            attribute.name,
            "a network's configuration, such as MLPConfig() or FiveConv().network",
            value,
        )


@frozen
class Stage:
    """A model and how it is trained: on images, or on the features of the stage before.

    Raises:
        UserError: For fields of another type.

    Examples:
        >>> from fmnist_jax import MLPConfig, TrainingConfig
        >>> from fmnist_jax.data.scaling import Z_SCORE
        >>> Stage("mlp", MLPConfig((784, 128, 10)), TrainingConfig(), Z_SCORE).model.classes
        10
    """

    name: str = field(validator=_is_name)
    """Names the stage's files and figures."""
    model: ModelConfig = field(validator=_is_model)
    training: TrainingConfig = field(validator=of_type(TrainingConfig, "TrainingConfig(epochs=10)"))
    scaling: Scaling = field(validator=of_type(Scaling, "data.scaling.Z_SCORE"))
    """How grey levels, or features, become the model's inputs."""
    views: Views = field(default=one_view, validator=function("models.views.mirrored_views"))
    """The views of an image that validation, test and predictions average logits over."""


@frozen
class Run:
    """Data and a sequence of stages; the last stage classifies.

    A plain network is one stage. Report 1's pipeline is two: a convolutional network, then the scratch MLP
    on its features.

    Raises:
        UserError: For no stages, two of one name, stages that don't fit each other, or a training that
            needs the validation split that `data` doesn't take.

    Examples:
        >>> from fmnist_jax import MLPConfig, TrainingConfig
        >>> from fmnist_jax.data.scaling import Z_SCORE
        >>> run = Run((Stage("mlp", MLPConfig(), TrainingConfig(), Z_SCORE),))
        >>> [stage.name for stage in run.stages]
        ['mlp']
    """

    stages: tuple[Stage, ...] = field(
        converter=as_tuple,
        validator=each(of_type(Stage, 'Stage("mlp", MLPConfig(), ...)'), least=1),
    )
    data: DataConfig = field(
        factory=DataConfig, validator=of_type(DataConfig, "DataConfig(split_seed=1)")
    )

    def __attrs_post_init__(self) -> None:
        """Refuse stages that don't fit each other."""
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise must("stages", "of different names", names)
        if self.data.validation_fraction == 0:
            for stage in self.stages:
                check_without_validation(stage.training, f"stage {stage.name}: ")
        for stage in self.stages:
            if stage.training.teacher and getattr(stage.model, "loss", None) is SOFTMAX_TWICE:
                raise UserError(
                    f"stage {stage.name}: loss must not be {SOFTMAX_TWICE.name} with a teacher, whose "
                    "probabilities it cannot reach; use softmax-cross-entropy"
                )
        for before, stage in pairwise(self.stages):
            _check_follows(stage, before)

    def with_training(self, **changes: object) -> "Run":
        """Return the run with these fields of every stage's training changed."""
        stages = (
            evolve(stage, training=evolve(stage.training, **changes)) for stage in self.stages
        )
        return evolve(self, stages=tuple(stages))


def _check_follows(stage: Stage, before: Stage) -> None:
    """Raise UserError unless `stage` can be trained on the features of `before`."""
    expected, found = before.model.features, prod(stage.model.input_shape)
    if found != expected:
        raise UserError(
            f"stage {stage.name}: its model must take the {expected} features of stage {before.name}, "
            f"found {found} inputs"
        )
    if stage.model.classes != before.model.classes:
        raise UserError(
            f"stage {stage.name}: its model must have the {before.model.classes} classes of stage "
            f"{before.name}, found {stage.model.classes}"
        )
    if stage.training.augmentation:
        raise UserError(
            f"stage {stage.name}: augmentation must be none, since features are not images; augment the "
            "images of the first stage"
        )
    if stage.views is not one_view:
        raise UserError(f"stage {stage.name}: views must be one, since features are not images")


def check_dataset(run: Run, dataset: Dataset) -> None:
    """Raise UserError if a split can't be used, doesn't fit the run, or is missing (validation)."""
    stage, classes = run.stages[0], len(dataset.class_names)
    shape = stage.model.input_shape
    for name, split in dataset.splits.items():
        images = split.images
        dtype = getattr(images, "dtype", None)
        if dtype != np.uint8 or not isinstance(images, np.ndarray | jax.Array):
            raise UserError(
                f"the {name} split's images must be uint8, grey levels from 0 to 255, found "
                f"{format_array(images)}"
            )
        if images.shape[1:] != shape and (prod(images.shape[1:]),) != shape:
            raise UserError(
                f"stage {stage.name}: its model takes inputs of shape {shape}, the {name} split's images "
                f"have shape {images.shape[1:]}; change the model's sizes or the images"
            )
        labels = np.asarray(split.labels)
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise UserError(
                f"the {name} split's labels must be {len(images)} integers, one for each image, found "
                f"{format_array(labels)}"
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise UserError(
                f"the {name} split's labels must be from 0 to {classes - 1}, found {labels.min()} to "
                f"{labels.max()}"
            )
    for later in run.stages:
        _check_batches(later, len(dataset.splits["train"].images))
        if "validation" not in dataset.splits:
            check_without_validation(later.training, f"stage {later.name}: ")
    if stage.model.classes != classes:
        raise UserError(
            f"stage {stage.name}: its model must have the data set's {classes} classes, found "
            f"{stage.model.classes}"
        )


def _check_batches(stage: Stage, count: int) -> None:
    """Raise UserError if a batch of an epoch over `count` images has fewer than the model needs."""
    size = stage.training.batch_size
    smallest = min(size, count % size or size)
    if smallest < stage.model.min_batch:
        raise UserError(
            f"stage {stage.name}: batch normalisation needs at least {stage.model.min_batch} images in "
            f"each batch, found {smallest} in the last one ({count} images in batches of {size}); "
            "choose another batch_size"
        )


def check_shared_batches(stages: Sequence[Stage]) -> None:
    """Raise UserError unless the devices can share each stage's batches equally."""
    count = device_count()
    for stage in stages:
        size = stage.training.batch_size
        if size % count:
            below, above = size // count * count, -(-size // count) * count
            nearest = f"{below} or {above}" if below else str(above)
            raise UserError(
                f"stage {stage.name}: batch_size must be a multiple of {count}, the number of devices, "
                f"found {size}; use {nearest}, or other devices"
            )


TEST_FIELDS = ("resplit_seed",)
"""The fields of `DataConfig` that say which images are the test split."""

SPLIT_FIELDS = ("validation_fraction", "stratified", "split_seed", *TEST_FIELDS)
"""The fields that say which images are held back for validation and test."""


def check_same_split(
    data: DataConfig, stored: DataConfig, where: str | Path, fields: Sequence[str] = SPLIT_FIELDS
) -> None:
    """Raise UserError if `data` holds back other images than `stored`, which a network was trained with."""
    for name in fields:
        found, expected = getattr(data, name), getattr(stored, name)
        if found != expected:
            raise UserError(
                f"{name} must be {expected}, as for the network in {where}, found {found}: with another "
                "split it would be measured on images that it has learned"
            )
