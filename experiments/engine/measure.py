"""A run of any kind, trained once and measured: what experiments store of it, by name."""

import dataclasses
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

import jax

from fmnist_jax.data.dataset import Dataset
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.parts import Outcome, Run, trainings
from fmnist_jax.runs.pipeline import (
    NO_SNAPSHOTS,
    Features,
    PipelineRun,
    TrainedPipeline,
    train_pipeline,
)
from fmnist_jax.runs.run import Trained
from fmnist_jax.training.checkpointing import Snapshots
from fmnist_jax.training.config import TrainingConfig

RunT = TypeVar("RunT", bound=Run)

SOFTWARE = ("jax", "jaxlib", "flax", "numpy", "optax")
"""Packages whose versions are stored with each run."""


def training_fields(run: Run) -> list[str]:
    """The names of the fields that hold the run's trainings."""
    names = [field.name for field in dataclasses.fields(run)]
    return [name for name in names if isinstance(getattr(run, name), TrainingConfig)]


def with_trainings(run: RunT, **changes: Any) -> RunT:
    """The run with these fields of every training changed."""
    changed = {
        name: dataclasses.replace(getattr(run, name), **changes) for name in training_fields(run)
    }
    return dataclasses.replace(run, **changed)


def seed_of(run: Run) -> int:
    """The seed that all of the run's trainings share."""
    (seed,) = {training.seed for training in trainings(run).values()}
    return seed


def measure(
    run: Run,
    dataset: Dataset,
    splits: Sequence[str],
    snapshots: Mapping[str, Snapshots] = NO_SNAPSHOTS,
) -> dict[str, Any]:
    """Train once and measure each split once; accuracies and F1 in percent, curves, circumstances.

    Of a pipeline the network's figures begin with `cnn_` and the scratch MLP's with `mlp_`. `snapshots`
    are by part, as `parts.trainings` names them: training goes on from these.
    """
    if isinstance(run, PipelineRun):
        outcome = train_pipeline(run, dataset, snapshots=snapshots)
    else:
        outcome = runs.train(run, dataset, snapshots=snapshots.get(""))
    return _measured(outcome, dataset, splits)


def _measured(outcome: Outcome, dataset: Dataset, splits: Sequence[str]) -> dict[str, Any]:
    if isinstance(outcome, TrainedPipeline):
        network, mlp = outcome.network, outcome.mlp
        measured = (
            _prefixed("cnn", _figures(network, dataset, splits, dataset.class_names))
            | _prefixed("mlp", _figures(mlp, outcome.features, splits, dataset.class_names))
            | {
                "cnn_seconds": network.seconds,
                "extraction_seconds": outcome.extraction_seconds,
                "mlp_seconds": mlp.seconds,
            }
        )
        seconds = network.seconds + outcome.extraction_seconds + mlp.seconds
    else:
        measured = _figures(outcome, dataset, splits, dataset.class_names)
        seconds = outcome.seconds
    return measured | {
        "data_checksum": dataset.checksum,
        "seconds": seconds,
        "software": {name: version(name) for name in SOFTWARE}
        | {"python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _figures(
    trained: Trained, data: Dataset | Features, splits: Sequence[str], class_names: tuple[str, ...]
) -> dict[str, Any]:
    """How one network did on `splits`, and how it got there."""
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
        "history": {name: [record[name] for record in records] for name in records[0]}
    }


def _prefixed(prefix: str, figures: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in figures.items()}
