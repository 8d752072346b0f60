"""A run's directory.

configuration.json     the run's configuration
origin.json            the images' checksum, the version of JAX, the stages that were trained before
metrics_STAGE.jsonl    a line an epoch, written as it ends
checkpoint/            each stage's variables of its best epoch, for `predict` and `evaluate`
pictures/*.png         curves, confusion matrix, predictions, mistakes, first layer, feature maps
result.json            figures on every split; written last, so that it means: finished
tensorboard/STAGE/     the history again, if requested

Until it is finished, `unfinished/STAGE` holds what the next epoch depends on, and `.lock` is held by the
process that works on it. Interrupted at any moment, the same run resumes and leaves the same files.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import attrs
from attrs import frozen

from fmnist_jax.checkpoint.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.config.codec import encode
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.devices.processes import is_first, share
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import NAMES, Run
from fmnist_jax.runs.history import open_history
from fmnist_jax.runs.lock import (
    CHECKPOINT,
    CONFIGURATION,
    LOCK,
    ORIGIN,
    RESULT,
    Origin,
    Progress,
    acquire,
)
from fmnist_jax.runs.train import Assessment, TrainedRun, TrainedStage
from fmnist_jax.storage.files import write_json, writing
from fmnist_jax.storage.manifest import read_json
from fmnist_jax.training.checkpointing import TrainingCheckpoints
from fmnist_jax.training.loop import EpochRecord

UNFINISHED = "unfinished"

StopRequested = Callable[[], BaseException | None]
"""Called after every epoch; what it returns is raised once the epoch is saved."""


@frozen
class Output:
    """How a run's directory is opened."""

    directory: Path | None = None
    """By default a new one below runs/, or the newest unfinished run like this."""
    tensorboard: bool = False
    """Write the history for TensorBoard too."""
    log: Callable[[str], None] = print
    stop_requested: StopRequested = lambda: None


class RunHandle(NamedTuple):
    """A run's directory while this process works on it."""

    path: Path
    write: Mapping[str, Callable[[EpochRecord], None]]
    """By stage: appends an epoch's line to the history."""
    checkpoints: Mapping[str, TrainingCheckpoints]
    """By stage."""
    finished: bool
    """Everything is there already: nothing is to be written."""


@contextmanager
def open_run(run: Run, origin: Origin, output: Output, fitted: int = 0) -> Iterator[RunHandle]:
    """Open a new directory for `run`, or the one it was started in; without an epoch done it is undone."""
    if not is_first():
        yield _follow(run, output, fitted)
        return
    existed = output.directory is not None and output.directory.exists()
    configuration = encode(run, NAMES)
    with acquire(output.directory, configuration, origin, output.log) as (path, progress):
        if progress is Progress.FINISHED:
            _remove_unfinished(path)
            yield RunHandle(path, {}, {}, finished=share(True))
            return
        try:
            with writing(path):
                if progress is Progress.NEW:
                    write_json(path / ORIGIN, attrs.asdict(origin))
                    write_json(path / CONFIGURATION, configuration)
                (path / UNFINISHED).mkdir(exist_ok=True)
            configuration = read_json(path / CONFIGURATION)
            checkpoints = {
                stage.name: TrainingCheckpoints(
                    path / UNFINISHED / stage.name,
                    _key(configuration, origin, stage.name),
                    output.log,
                    output.stop_requested,
                )
                for stage in run.stages[fitted:]
            }
            with ExitStack() as stack:
                write = {
                    stage: stack.enter_context(
                        open_history(
                            path,
                            stage,
                            output.tensorboard,
                            saved.newest.history if saved.newest else (),
                        )
                    )
                    for stage, saved in checkpoints.items()
                }
                yield RunHandle(path, write, checkpoints, finished=share(False))
        except BaseException:
            if progress is Progress.NEW and not _epochs_done(path):
                shutil.rmtree(path, ignore_errors=True)
                if existed:
                    with suppress(OSError):
                        path.mkdir(exist_ok=True)
            raise


def _follow(run: Run, output: Output, fitted: int) -> RunHandle:
    """The handle of a process that leaves all files to the first one."""
    stages = [stage.name for stage in run.stages[fitted:]]
    return RunHandle(
        Path(),
        {name: lambda record: None for name in stages},
        {name: TrainingCheckpoints(Path(), "", None, output.stop_requested) for name in stages},
        finished=share(None),
    )


def _key(configuration: object, origin: Origin, stage: str) -> str:
    """Hash what a stage's training depends on; the stored configuration never gets newer fields."""
    values = [configuration, origin.data_checksum, origin.fitted, stage]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _epochs_done(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob("metrics_*.jsonl"))


def make_result(
    trained: TrainedRun, assessments: Mapping[str, Mapping[str, Assessment]], dataset: Dataset
) -> dict[str, Any]:
    """Build result.json: which images, and by stage best epoch, seconds, each split's loss and metrics."""
    return {
        "images": dataset.title,
        "stages": {
            stage.fitted.name: _training_result(stage)
            | {
                split: {"loss": assessment.loss, **assessment.metrics.to_dict()}
                for split, assessment in assessments[stage.fitted.name].items()
            }
            for stage in trained.stages
        },
    }


def _training_result(trained: TrainedStage) -> dict[str, object]:
    result: dict[str, object] = {}
    if trained.history:
        result["best_epoch"] = trained.best_epoch
        result["stopped_epoch"] = len(trained.history)
        result["seconds"] = round(trained.seconds, 3)
    if trained.extraction_seconds is not None:
        result["extraction_seconds"] = round(trained.extraction_seconds, 3)
    return result


def read_result(directory: Path) -> dict[str, Any]:
    """Read a finished run's figures by stage. Raises UserError if result.json is damaged."""
    path = directory / RESULT
    result = read_json(path)
    if not isinstance(result, dict) or not isinstance(result.get("stages"), dict):
        raise UserError(
            f"{path}: expected the figures of each stage under 'stages', found none; remove the file and "
            "run the same command again"
        )
    return result["stages"]


def finish(directory: Path, result: Mapping[str, object]) -> None:
    """Write result.json, which finishes the run, and remove what it would have resumed from."""
    with writing(directory):
        write_json(directory / RESULT, result)
    _remove_unfinished(directory)


def _remove_unfinished(directory: Path) -> None:
    """Remove what a finished run would have resumed from, if it is still there and may be removed."""
    shutil.rmtree(directory / UNFINISHED, ignore_errors=True)
    with suppress(OSError):
        (directory / LOCK).unlink()


def write_checkpoint(
    directory: Path, trained: TrainedRun, result: Mapping[str, object], dataset: Dataset
) -> Path:
    """Save each stage's best variables with all that `predict` needs; return the checkpoint's path."""
    path = directory / CHECKPOINT
    save_checkpoint(
        path,
        Checkpoint(
            stages=trained.fitted,
            class_names=dataset.class_names,
            metrics=result,
            run=encode(trained.run, NAMES),
            data_checksum=dataset.checksum,
        ),
    )
    return path
