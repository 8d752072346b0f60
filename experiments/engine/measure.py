"""Trains a run once and measures it: what results store of it."""

import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.train import Hooks, TrainedStage, assess, train
from fmnist_jax.training.checkpointing import TrainingCheckpoints

SOFTWARE = ("jax", "jaxlib", "flax", "numpy", "optax")
"""Packages whose versions are stored with each run."""


def package_versions() -> dict[str, str]:
    """The installed versions of SOFTWARE."""
    return {name: version(name) for name in SOFTWARE}


def measure(
    run: Run,
    dataset: Dataset,
    splits: Sequence[str],
    checkpoints: Mapping[str, TrainingCheckpoints] | None = None,
) -> dict[str, Any]:
    """Train once and measure each split once; accuracies, recall and F1 in percent.

    Returns {"stages": {name: figures}, "images", "data_checksum", "seconds", "software", "device",
    "finished"}.
    With `checkpoints`, by stage, an interrupted training resumes.
    """
    trained = train(run, dataset, Hooks(checkpoints=checkpoints or {}))
    stages = {stage.fitted.name: _figures(stage, splits, dataset) for stage in trained.stages}
    return {
        "stages": stages,
        "images": dataset.title,
        "data_checksum": dataset.checksum,
        "seconds": sum(
            stage["seconds"] + stage.get("extraction_seconds", 0.0) for stage in stages.values()
        ),
        "software": package_versions() | {"python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _figures(trained: TrainedStage, splits: Sequence[str], dataset: Dataset) -> dict[str, Any]:
    """A stage's figures on `splits`, and its learning curves."""
    best = trained.history[trained.best_epoch - 1]
    figures: dict[str, Any] = {
        "best_epoch": trained.best_epoch,
        "stopped_epoch": len(trained.history),
        "best_train_loss": best.train_loss,
    }
    if best.validation_loss is not None:
        figures["best_validation_loss"] = best.validation_loss
    measured = {name: trained.splits[name] for name in splits if name in trained.splits}
    for name, assessment in assess(trained.fitted, measured, dataset.class_names).items():
        metrics = assessment.metrics
        figures |= {
            f"{name}_loss": assessment.loss,
            f"{name}_accuracy": 100 * metrics.accuracy,
            f"{name}_recall": 100 * metrics.weighted.recall,
            f"{name}_f1": 100 * metrics.weighted.f1,
            f"{name}_confusion": metrics.confusion.tolist(),
        }
        figures |= {
            f"{name}_class_{index}": 100 * accuracy
            for index, accuracy in enumerate(metrics.class_accuracy)
        }
        if dataset.resplit_seed is not None:
            correct = assessment.predictions == np.asarray(measured[name].labels)
            figures |= _by_file(name, correct, dataset.from_test_file(name))
    records = [record._asdict() for record in trained.history]
    figures["history"] = {
        name: [record[name] for record in records]
        for name, value in records[0].items()
        if value is not None
    }
    figures["seconds"] = trained.seconds
    if trained.extraction_seconds is not None:
        figures["extraction_seconds"] = trained.extraction_seconds
    return figures


def _by_file(
    split: str, correct: Bool[np.ndarray, " n"], from_test_file: Bool[np.ndarray, " n"]
) -> dict[str, Any]:
    """Of a re-split's images, the number and the accuracy (percent) of those from each file."""
    figures: dict[str, Any] = {}
    for file, chosen in (("training", ~from_test_file), ("test", from_test_file)):
        figures[f"{split}_images_of_{file}_file"] = int(chosen.sum())
        if chosen.any():
            figures[f"{split}_accuracy_of_{file}_file"] = 100 * float(correct[chosen].mean())
    return figures
