"""A run's directory: configuration, history, figures, pictures and checkpoint.

configuration.json   everything that the run was told
origin.json          the images' checksum, the version of JAX, and the network that a pipeline was given
metrics.jsonl        a line an epoch, written as it ends; of a pipeline metrics_network.jsonl and
                     metrics_mlp.jsonl
checkpoint/          the best epoch's weights, for `predict` and `evaluate`
pictures/*.png       curves, confusion matrix, predictions, mistakes, first layer, feature maps
result.json          figures on every split; the last to be written, so that it says: finished
tensorboard/         the history once more, where asked for

Until it is finished, `unfinished/` holds what the next epoch depends on, and `.lock` is held by the
process that is at it. Cut short at any moment, the same run goes on and leaves the same.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fmnist_jax.checkpoint.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.config.codec import encode
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.evaluation import plots as figures
from fmnist_jax.models.pipeline_model import PipelineConfig
from fmnist_jax.runs import pictures
from fmnist_jax.runs.history import history
from fmnist_jax.runs.lock import (
    CHECKPOINT,
    CONFIGURATION,
    LOCK,
    ORIGIN,
    RESULT,
    Origin,
    Stage,
    claimed,
)
from fmnist_jax.runs.parts import Assessments, Outcome, Run, parts, titled, trainings
from fmnist_jax.runs.pipeline import TrainedPipeline
from fmnist_jax.runs.run import NAMES, Trained
from fmnist_jax.storage.files import write_json, writing
from fmnist_jax.training.checkpointing import Snapshots, ignore, never
from fmnist_jax.training.loop import EpochRecord

UNFINISHED = "unfinished"


class Write(Protocol):
    """Writes an epoch's line."""

    def __call__(self, record: EpochRecord, part: str = "") -> None:
        """Write it; `part` is one of `trainings(run)`."""
        ...


class Opened(NamedTuple):
    """A run's directory while this process is at it."""

    path: Path
    write: Write
    snapshots: Mapping[str, Snapshots]
    """By part."""
    finished: bool
    """All is there already: nothing is to be written."""


def no_epoch(record: EpochRecord, part: str = "") -> None:
    """Of a finished run no line is written."""
    raise AssertionError("the run is finished")


@contextmanager
def opened(
    directory: Path | None,
    run: Run,
    origin: Origin,
    tensorboard: bool = False,
    trained: Collection[str] | None = None,
    log: Callable[[str], None] = ignore,
    asked: Callable[[], BaseException | None] = never,
) -> Iterator[Opened]:
    """The directory for `run`, new or the one it was begun in, as `run_claims.claimed` finds it.

    `trained` names the parts that are trained, by default all; `log` and `asked` are as `Snapshots` has
    them. What fails before the first epoch is done leaves things as they were. Raises UserError where
    the directory can't be had, or TensorBoard's extra is asked for and isn't installed.
    """
    was_there = directory is not None and directory.exists()
    with claimed(directory, run, origin, log) as (path, stage):
        if stage is Stage.FINISHED:
            _forget(path)
            yield Opened(path, no_epoch, {}, finished=True)
            return
        try:
            names = trainings(run) if trained is None else trained
            snapshots = {
                part: Snapshots(
                    path / UNFINISHED / titled("state", part), _key(run, origin, part), log, asked
                )
                for part in names
            }
            with writing(path):
                if stage is Stage.NEW:
                    write_json(path / ORIGIN, asdict(origin))
                    write_json(path / CONFIGURATION, encode(run, NAMES))
                (path / UNFINISHED).mkdir(exist_ok=True)
            with ExitStack() as stack:
                histories = {
                    part: stack.enter_context(
                        history(path, part, tensorboard, kept.newest.history if kept.newest else ())
                    )
                    for part, kept in snapshots.items()
                }

                def write(record: EpochRecord, part: str = "") -> None:
                    histories[part](record)

                yield Opened(path, write, snapshots, finished=False)
        except BaseException:
            if stage is Stage.NEW and not _epochs_done(path):
                shutil.rmtree(path, ignore_errors=True)
                if was_there:
                    with suppress(OSError):
                        path.mkdir(exist_ok=True)
            raise


def _key(run: Run, origin: Origin, part: str) -> str:
    """Of all that the training of `part` depends on, beside JAX's version."""
    told = [encode(run, NAMES), origin.data_checksum, origin.network, part]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _epochs_done(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob("metrics*.jsonl"))


def result_of(trained: Outcome, assessments: Assessments) -> dict[str, Any]:
    """What result.json says: best epoch, seconds, and each split's loss and metrics.

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
    return result


def finish(directory: Path, result: Mapping[str, Any]) -> None:
    """Write result.json, with which the run is finished, and remove what it would have gone on from."""
    with writing(directory):
        write_json(directory / RESULT, result)
    _forget(directory)


def _forget(directory: Path) -> None:
    """Remove what a finished run would have gone on from, if it is still there and may be removed."""
    shutil.rmtree(directory / UNFINISHED, ignore_errors=True)
    with suppress(OSError):
        (directory / LOCK).unlink()


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
    path = directory / CHECKPOINT
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
