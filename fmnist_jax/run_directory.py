"""A run's directory: configuration, history, figures, pictures and checkpoint.

configuration.json   everything that the run was told
metrics.jsonl        a line an epoch, written as it ends
result.json          figures on every split, when training is done
pictures/*.png       curves, confusion matrix, predictions, mistakes, first-layer weights
checkpoint/          the best epoch's weights, for `predict` and `evaluate`
tensorboard/         the history once more, where asked for
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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


@contextmanager
def created(
    directory: Path | None, run: MLPRun, tensorboard: bool = False
) -> Iterator[tuple[Path, Callable[[EpochRecord], None]]]:
    """A new directory for `run` (by default under runs/), and a function that writes an epoch's line.

    What fails before the first epoch is done leaves things as they were. Raises UserError where the
    directory can't be made, something is in it already, or TensorBoard's extra is asked for and
    isn't installed.
    """
    was_there = directory is not None and directory.exists()
    directory = _new_directory() if directory is None else _claimed(directory)
    path = directory / "metrics.jsonl"
    try:
        with writing(directory):
            write_json(directory / "configuration.json", encode(run, NAMES))
        with ExitStack() as stack:
            summaries = None
            if tensorboard:
                summaries = _summary_writer(directory / "tensorboard")
                stack.callback(summaries.close)
            with writing(path):
                file = stack.enter_context(path.open("x", encoding="utf-8"))

            def write(record: EpochRecord) -> None:
                with writing(path):
                    file.write(json.dumps(record._asdict()) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                if summaries is not None:
                    for name, value in record._asdict().items():
                        if name != "epoch":
                            summaries.add_scalar(name, value, record.epoch)

            yield directory, write
    except BaseException:
        if not path.exists() or path.stat().st_size == 0:
            shutil.rmtree(directory, ignore_errors=True)
            if was_there:
                directory.mkdir(exist_ok=True)
        raise


def _new_directory() -> Path:
    """A directory named by the time; by a number too where several runs begin in one second."""
    name = datetime.now().strftime("mlp-%Y%m%d-%H%M%S")
    for suffix in itertools.chain([""], (f"-{count}" for count in itertools.count(2))):
        directory = Path("runs") / (name + suffix)
        with writing(directory):
            try:
                directory.mkdir(parents=True)
                return directory
            except FileExistsError:
                continue
    raise AssertionError("there is always a next number")


def _claimed(directory: Path) -> Path:
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UserError(f"{directory} isn't empty: name a new directory for this run")
    return directory


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
