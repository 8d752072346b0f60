"""A run's directory: configuration, history, figures, pictures and checkpoint.

configuration.json   everything that the run was told
metrics.jsonl        a line an epoch, written as it ends; of a pipeline metrics_network.jsonl and
                     metrics_mlp.jsonl
result.json          figures on every split, when training is done
pictures/*.png       curves, confusion matrix, predictions, mistakes, first layer, feature maps
checkpoint/          the best epoch's weights, for `predict` and `evaluate`
tensorboard/         the history once more, where asked for
"""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from fmnist_jax import pictures
from fmnist_jax.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.configuration import encode
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation import figures
from fmnist_jax.files import write_json, writing
from fmnist_jax.kinds import kind_of
from fmnist_jax.parts import Assessments, Outcome, Run, parts, titled, trainings
from fmnist_jax.pipeline import TrainedPipeline
from fmnist_jax.pipeline_model import PipelineConfig
from fmnist_jax.runs import NAMES, Trained
from fmnist_jax.training.fit import EpochRecord


class Write(Protocol):
    """Writes an epoch's line."""

    def __call__(self, record: EpochRecord, part: str = "") -> None:
        """Write it; `part` is one of `trainings(run)`."""
        ...


@contextmanager
def created(
    directory: Path | None,
    run: Run,
    tensorboard: bool = False,
    trained: Collection[str] | None = None,
) -> Iterator[tuple[Path, Write]]:
    """A new directory for `run` (by default under runs/), and a function that writes an epoch's line.

    `trained` names the parts that are trained, by default all. What fails before the first epoch is
    done leaves things as they were. Raises UserError where the directory can't be made, something is
    in it already, or TensorBoard's extra is asked for and isn't installed.
    """
    was_there = directory is not None and directory.exists()
    directory = _new_directory(kind_of(run.model)) if directory is None else _claimed(directory)
    try:
        with writing(directory):
            write_json(directory / "configuration.json", encode(run, NAMES))
        with ExitStack() as stack:
            histories = {
                part: stack.enter_context(_history(directory, part, tensorboard))
                for part in (trainings(run) if trained is None else trained)
            }

            def write(record: EpochRecord, part: str = "") -> None:
                histories[part](record)

            yield directory, write
    except BaseException:
        if not any(path.stat().st_size for path in directory.glob("metrics*.jsonl")):
            shutil.rmtree(directory, ignore_errors=True)
            if was_there:
                directory.mkdir(exist_ok=True)
        raise


@contextmanager
def _history(
    directory: Path, part: str, tensorboard: bool
) -> Iterator[Callable[[EpochRecord], None]]:
    path = directory / f"{titled('metrics', part)}.jsonl"
    with ExitStack() as stack:
        summaries = None
        if tensorboard:
            summaries = _summary_writer(directory / "tensorboard" / part)
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

        yield write


def _new_directory(kind: str) -> Path:
    """A directory named by the time; by a number too where several runs begin in one second."""
    name = datetime.now().strftime(f"{kind}-%Y%m%d-%H%M%S")
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


def write_result(directory: Path, trained: Outcome, assessments: Assessments) -> dict[str, Any]:
    """Write and return result.json: best epoch, seconds, and each split's loss and metrics.

    Of a pipeline all that under `network` and `mlp`, and the seconds of the features beside.
    """
    results = {
        name: _training_result(part)
        | {
            split: {"loss": assessment.loss, **assessment.metrics.to_dict()}
            for split, assessment in assessments[name].items()
        }
        for name, part in parts(trained).items()
    }
    result = results.get("", results)
    if isinstance(trained, TrainedPipeline):
        result["extraction_seconds"] = round(trained.extraction_seconds, 3)
    with writing(directory):
        write_json(directory / "result.json", result)
    return result


def _training_result(trained: Trained) -> dict[str, Any]:
    if not trained.history:  # trained before
        return {}
    return {
        "best_epoch": trained.best_epoch,
        "stopped_epoch": len(trained.history),
        "seconds": round(trained.seconds, 3),
    }


def write_pictures(
    directory: Path,
    run: Run,
    trained: Outcome,
    assessments: Assessments,
    dataset: Dataset,
) -> list[Path]:
    """Draw the run's pictures into pictures/ and return their paths."""
    folder = directory / "pictures"
    with writing(folder):
        folder.mkdir(exist_ok=True)
    trained_parts = parts(trained)
    *_, last = trained_parts
    config = run.model.network if isinstance(run.model, PipelineConfig) else run.model
    drawn = (
        pictures.of_trainings(trained_parts)
        | pictures.of_predictions(assessments[last]["test"], dataset)
        | pictures.of_layers(config, next(iter(trained_parts.values())), dataset)
    )
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.png")
        figures.save(figure, paths[-1])
    return paths


def write_checkpoint(
    directory: Path,
    run: Run,
    trained: Outcome,
    result: dict[str, Any],
    dataset: Dataset,
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
            extractor=trained.extractor if isinstance(trained, TrainedPipeline) else None,
        ),
    )
    return path
