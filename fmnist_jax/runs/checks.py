"""What a run needs of its data set and of stages that were trained before, checked before it starts."""

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import numpy as np

from fmnist_jax.config.fields import check_type, format_array
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.devices.mesh import device_count
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import FittedStage, fingerprint_stages
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.training.config import check_without_validation


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
    for each in run.stages:
        _check_batches(each, len(dataset.splits["train"].images))
        if "validation" not in dataset.splits:
            check_without_validation(each.training, f"stage {each.name}: ")
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


def check_fitted(run: Run, fitted: Sequence[Any]) -> None:
    """Raise UserError unless the fitted stages are the run's first ones, each on the features before it."""
    if len(fitted) > len(run.stages):
        raise UserError(
            f"fitted must be at most the run's {len(run.stages)} stages, found {len(fitted)}"
        )
    for number, (found, stage) in enumerate(zip(fitted, run.stages, strict=False)):
        check_type(f"fitted[{number}]", found, FittedStage, "a stage of a checkpoint")
        expected = (stage.name, stage.model, stage.scaling)
        if (found.name, found.model, found.scaling) != expected:
            raise UserError(
                f"stage {stage.name}: the fitted stage has another name, model or scaling than the "
                "run's; use those of the fitted stage"
            )
        if found.features_of != fingerprint_stages(fitted[:number]):
            raise UserError(
                f"stage {stage.name}: was trained on the features of other stages than the fitted "
                "ones before it; use all stages of one checkpoint"
            )
        _check_arrays(found)


def _check_arrays(fitted: FittedStage) -> None:
    """Raise UserError unless the arrays have the names, shapes and types of the stage's model."""
    expected = jax.eval_shape(fitted.model.build().init, jax.random.key(0))
    if jax.tree.structure(fitted.variables) != jax.tree.structure(expected):
        raise UserError(
            f"stage {fitted.name}: its fitted arrays have other names than the model's; use a model "
            "that fits"
        )
    pairs = zip(jax.tree.leaves_with_path(expected), jax.tree.leaves(fitted.variables), strict=True)
    for (path, wanted), found in pairs:
        if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            raise UserError(
                f"stage {fitted.name}: its fitted array {jax.tree_util.keystr(path)} is "
                f"{format_array(found)}, expected {format_array(wanted)}; use a model that fits"
            )
