"""Trains a run once and measures it: what results store of it."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.runs import parts
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.pipeline import (
    Features,
    PipelineRun,
    TrainedPipeline,
    train_pipeline,
)
from fmnist_jax.runs.run import Trained
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.checkpointing import Snapshots, never

SOFTWARE = ("jax", "jaxlib", "flax", "numpy", "optax")
"""Packages whose versions are stored with each run."""


def training_checkpoints(
    run: Any,
    folder: Path,
    key: str,
    log: Callable[[str], None],
    stop_requested: Callable[[], BaseException | None] | None = None,
) -> dict[str, Snapshots]:
    """The training checkpoints of each stage, below `folder`."""
    return {
        part: Snapshots(
            folder / parts.titled("state", part), f"{key} {part}", log, stop_requested or never
        )
        for part in parts.trainings(run)
    }


def measure(
    run: Any,
    dataset: Dataset,
    splits: Sequence[str],
    checkpoints: Mapping[str, Snapshots] | None = None,
) -> dict[str, Any]:
    """Train once and measure each split once; accuracies, recall and F1 in percent.

    Returns {"stages": {name: figures}, "data_checksum", "seconds", "software", "device", "finished"}.
    Training resumes from the `checkpoints`.
    """
    checkpoints = checkpoints or {}
    if isinstance(run, PipelineRun):
        outcome = train_pipeline(run, dataset, snapshots=checkpoints)
    else:
        outcome = runs.train(run, dataset, snapshots=checkpoints.get(""))
    if isinstance(outcome, TrainedPipeline):
        stages = {
            "convnet": _figures(outcome.network, dataset, splits, dataset.class_names),
            "mlp": _figures(outcome.mlp, outcome.features, splits, dataset.class_names)
            | {"extraction_seconds": outcome.extraction_seconds},
        }
    else:
        name = "mlp" if isinstance(run.model, MLPConfig) else "convnet"
        stages = {name: _figures(outcome, dataset, splits, dataset.class_names)}
    return {
        "stages": stages,
        "data_checksum": dataset.checksum,
        "seconds": sum(
            stage["seconds"] + stage.get("extraction_seconds", 0.0) for stage in stages.values()
        ),
        "software": {name: version(name) for name in SOFTWARE}
        | {"python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _figures(
    trained: Trained, data: Dataset | Features, splits: Sequence[str], class_names: tuple[str, ...]
) -> dict[str, Any]:
    """A stage's figures on `splits`, and its learning curves."""
    best = trained.history[trained.best_epoch - 1]
    figures: dict[str, Any] = {
        "best_epoch": trained.best_epoch,
        "stopped_epoch": len(trained.history),
        "best_train_loss": best.train_loss,
        "best_validation_loss": best.validation_loss,
    }
    for name in splits:
        assessment = runs.assess(trained, getattr(data, name), class_names)
        figures |= {
            f"{name}_loss": assessment.loss,
            f"{name}_accuracy": 100 * assessment.metrics.accuracy,
            f"{name}_recall": 100 * assessment.metrics.weighted.recall,
            f"{name}_f1": 100 * assessment.metrics.weighted.f1,
            f"{name}_confusion": assessment.metrics.confusion.tolist(),
        }
        figures |= {
            f"{name}_class_{index}": 100 * accuracy
            for index, accuracy in enumerate(assessment.metrics.class_accuracy)
        }
    records = [record._asdict() for record in trained.history]
    return figures | {
        "history": {name: [record[name] for record in records] for name in records[0]},
        "seconds": trained.seconds,
    }
