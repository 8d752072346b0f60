"""What the reports' own programs share: a network trained once and then restored, and its predictions."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.cli import job
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.lock import CHECKPOINT, RESULT
from fmnist_jax.runs.presets.base import Plan
from fmnist_jax.runs.train import Assessment


def reproduce(run: Run, folder: Path, train: bool = True) -> FittedStage:
    """The network of the finished run in `folder`; it is trained first if it isn't finished and `train`.

    Raises UserError if the folder holds another run or, without `train`, none, and Stopped after a signal.
    """
    if not train and not (folder / RESULT).exists():
        raise UserError(
            f"{folder}: expected a trained network, found none; pass --train to train it"
        )
    job.perform(Plan(run), job.JobOptions(run_dir=folder))
    (stage,) = restore_checkpoint(folder / CHECKPOINT).stages
    return stage


def score_lines(test: Assessment) -> list[str]:
    """Loss and accuracy, a line each."""
    return [f"Loss: {test.loss:.4f}", f"Accuracy: {test.metrics.accuracy:.4f}"]


def prediction_lines(
    test: Assessment, dataset: Dataset, indices: Int[np.ndarray, " n"]
) -> list[str]:
    """A line a test image: its number, label and prediction."""
    names, labels = dataset.class_names, dataset.test.labels
    return [
        f"Image {index}: label {names[labels[index]]}, prediction {names[test.predictions[index]]}"
        for index in indices
    ]
