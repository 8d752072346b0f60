"""What the reports' own programs share: a network trained once, restored ever after, and its answers."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.cli import job
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.lock import CHECKPOINT
from fmnist_jax.runs.run import Assessment, CNNRun, MLPRun, Trained


def trained_and_restored(run: MLPRun | CNNRun, folder: Path) -> Trained:
    """The network of the checkpoint in `folder`; trained first where there is none or a part of it.

    Raises UserError where the folder holds another run, and Stopped where a signal asked for an end.
    """

    def train(dataset: Dataset, hooks: job.Hooks) -> Trained:
        return runs.train(run, dataset, hooks.on_epoch[""], hooks.snapshots[""])

    job.perform(run, train, job.Output(run_dir=folder))
    saved = restore_checkpoint(folder / CHECKPOINT)
    model: Any = saved.network
    return Trained(
        model,
        saved.parameters,
        saved.scaling,
        saved.statistics,
        history=(),
        best_epoch=0,
        seconds=0.0,
    )


def scores(test: Assessment) -> list[str]:
    """Loss and accuracy, a line each."""
    return [f"Loss: {test.loss:.4f}", f"Accuracy: {test.metrics.accuracy:.4f}"]


def answers(test: Assessment, dataset: Dataset, indices: Int[np.ndarray, " n"]) -> list[str]:
    """A line a test image: its number, label and prediction."""
    names, labels = dataset.class_names, dataset.test.labels
    return [
        f"Image {index}: label {names[labels[index]]}, prediction {names[test.predictions[index]]}"
        for index in indices
    ]
