"""Distillation: a trained network's probabilities of the training images as targets.

G. Hinton, O. Vinyals and J. Dean, Distilling the knowledge in a neural network, arXiv 1503.02531, 2015.
"""

import numpy as np
from jaxtyping import Float

from fmnist_jax.checkpoint.checkpoint import find_checkpoint, restore_checkpoint
from fmnist_jax.config.codec import decode
from fmnist_jax.config.fields import format_value
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.devices.mesh import put
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.runs.config import NAMES, SPLIT_FIELDS, TEST_FIELDS, Run, check_same_split
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.step import DeviceSplit


def restore_teachers(run: Run, dataset: Dataset) -> dict[str, Classifier]:
    """Restore the teachers of all stages that have one, by stage.

    Raises UserError for a teacher that can't be found or used, of other classes or other images, or that
    learned from images that the run holds back.
    """
    return {
        stage.name: _restore_teacher(stage.training.teacher, run, dataset)
        for stage in run.stages
        if stage.training.teacher is not None
    }


def _restore_teacher(path_or_name: str, run: Run, dataset: Dataset) -> Classifier:
    path = find_checkpoint(path_or_name)
    checkpoint = restore_checkpoint(path)
    if checkpoint.class_names != dataset.class_names:
        raise UserError(
            f"teacher {path}: must have the data set's {len(dataset.class_names)} classes "
            f"{', '.join(dataset.class_names)}, found {len(checkpoint.class_names)}: "
            f"{', '.join(checkpoint.class_names)}; use a network trained on this data set"
        )
    if checkpoint.data_checksum != dataset.checksum:
        raise UserError(
            f"teacher {path}: must be trained on these images (checksum {dataset.checksum}), found "
            f"{format_value(checkpoint.data_checksum)}; use a network trained on this data set"
        )
    stored = decode(Run, checkpoint.run, NAMES, path)
    # Without a validation split only the test images are held back.
    fields = SPLIT_FIELDS if run.data.validation_fraction else TEST_FIELDS
    check_same_split(run.data, stored.data, path, fields)
    return Classifier(checkpoint)


def distil(
    train: DeviceSplit, teacher: Classifier, dataset: Dataset, config: TrainingConfig
) -> DeviceSplit:
    """Mix the teacher's probabilities into the training split's targets: (1 - w) Y + w P."""
    probabilities = soften(teacher.probabilities(dataset.train.images), config.temperature)
    weight = config.teacher_weight
    return train._replace(targets=(1 - weight) * train.targets + weight * put(probabilities))


def soften(
    probabilities: Float[np.ndarray, "n classes"], temperature: float
) -> Float[np.ndarray, "n classes"]:
    """softmax(logits / temperature), from softmax(logits)."""
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
