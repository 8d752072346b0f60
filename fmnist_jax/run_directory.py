"""A run's directory: configuration, history, figures, pictures and checkpoint.

configuration.json   everything that the run was told
metrics.jsonl        a line an epoch, written as it ends
result.json          figures on every split, when training is done
pictures/*.png       curves, confusion matrix, predictions, mistakes, first-layer weights
checkpoint/          the best epoch's weights, for `predict` and `evaluate`
tensorboard/         the history once more, where asked for
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_jax.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.configuration import encode
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation import figures
from fmnist_jax.evaluation.metrics import most_confident_mistakes
from fmnist_jax.files import write_json, writing
from fmnist_jax.runs import NAMES, Assessment, MLPRun, Trained
from fmnist_jax.training.fit import EpochRecord


def create(directory: Path | None, run: MLPRun) -> Path:
    """Make `directory` (by default a new one under runs/) and write the configuration.

    Raises UserError where it can't be made or something is in it already.
    """
    if directory is None:
        directory = Path("runs") / datetime.now().strftime("mlp-%Y%m%d-%H%M%S")
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UserError(f"{directory} isn't empty: name a new directory for this run")
        write_json(directory / "configuration.json", encode(run, NAMES))
    return directory


@contextmanager
def history_writer(
    directory: Path, tensorboard: bool = False
) -> Iterator[Callable[[EpochRecord], None]]:
    """A function that adds an epoch's line to metrics.jsonl, and to TensorBoard's files if asked.

    Raises UserError where the extra `tensorboard` is asked for and not installed.
    """
    summaries = _summary_writer(directory / "tensorboard") if tensorboard else None
    path = directory / "metrics.jsonl"
    with writing(path), path.open("x", encoding="utf-8") as file:

        def write(record: EpochRecord) -> None:
            with writing(path):
                file.write(json.dumps(record._asdict()) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if summaries is not None:
                for name, value in record._asdict().items():
                    if name != "epoch":
                        summaries.add_scalar(name, value, record.epoch)

        yield write
    if summaries is not None:
        summaries.close()


def _summary_writer(directory: Path) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise UserError(
            "tensorboard was asked for and isn't installed: pip install 'fmnist-jax[tensorboard]'"
        ) from None
    return SummaryWriter(str(directory))


def write_result(
    directory: Path, trained: Trained, assessments: dict[str, Assessment]
) -> dict[str, Any]:
    """Write and return result.json: best epoch, seconds, and each split's loss and metrics."""
    result = {
        "best_epoch": trained.best_epoch,
        "stopped_epoch": len(trained.history),
        "seconds": round(trained.seconds, 3),
        **{
            name: {"loss": assessment.loss, **assessment.metrics.to_dict()}
            for name, assessment in assessments.items()
        },
    }
    with writing(directory):
        write_json(directory / "result.json", result)
    return result


def write_pictures(
    directory: Path, trained: Trained, test: Assessment, dataset: Dataset
) -> list[Path]:
    """Draw the run's pictures into pictures/ and return their paths."""
    folder = directory / "pictures"
    with writing(folder):
        folder.mkdir(exist_ok=True)
    images, labels = dataset.test
    sample = np.random.default_rng(0).choice(len(labels), min(30, len(labels)), replace=False)
    mistakes = most_confident_mistakes(labels, test.probabilities, 30)

    def gallery(indices: np.ndarray, title: str) -> figures.Figure:
        return figures.predictions(
            images[indices],
            labels[indices],
            test.predictions[indices],
            test.probabilities[indices],
            dataset.class_names,
            title=title,
        )

    drawn = {
        "learning_curves": figures.learning_curves(
            [record._asdict() for record in trained.history], best_epoch=trained.best_epoch
        ),
        "confusion_matrix": figures.confusion_matrix(test.metrics.confusion, dataset.class_names),
        "predictions": gallery(sample, "Predictions on test images drawn at random"),
        "mistakes": gallery(mistakes, "Most confident mistakes on the test images"),
        "first_layer_weights": figures.first_layer_weights(np.asarray(trained.parameters[0].W)),
    }
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.png")
        figures.save(figure, paths[-1])
    return paths


def write_checkpoint(
    directory: Path, run: MLPRun, trained: Trained, result: dict[str, Any], dataset: Dataset
) -> Path:
    """Save the best epoch's weights with all that `predict` needs; returns the checkpoint's path."""
    path = directory / "checkpoint"
    save_checkpoint(
        path,
        Checkpoint(
            model=run.model,
            scaling=run.scaling,
            parameters=trained.parameters,
            statistics=trained.statistics,
            class_names=dataset.class_names,
            metrics=result,
            run=encode(run, NAMES),
            data_checksum=dataset.checksum,
        ),
    )
    return path
