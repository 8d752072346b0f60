"""The main job for any run: data, training, figures, pictures, checkpoint, restored predictions."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import jax
from attrs import field, frozen
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from fmnist_jax.checkpoint.metadata import library_versions
from fmnist_jax.cli.arguments import Unprefixed, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.cli.interruption import Interruption, Stopped, listening
from fmnist_jax.config.codec import encode
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import load_dataset
from fmnist_jax.devices.mesh import use_devices
from fmnist_jax.devices.processes import Processes, check_same, connect, is_first
from fmnist_jax.errors import UserError, missing_extra
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.stages import fingerprint_stages
from fmnist_jax.runs import directory
from fmnist_jax.runs.config import NAMES, Stage, check_dataset
from fmnist_jax.runs.directory import Output, RunHandle, open_run, read_result
from fmnist_jax.runs.lock import CHECKPOINT, Origin
from fmnist_jax.runs.presets.base import Plan
from fmnist_jax.runs.train import (
    Hooks,
    Splits,
    TrainedRun,
    TrainedStage,
    assess,
    train,
)
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord


@frozen
class JobOptions:
    """Where a run's results go, and on which devices it is trained."""

    run_dir: Path | None = None
    """Directory for configuration, metrics, pictures and checkpoint; by default a new one under runs/.
    The same command resumes a run that was interrupted."""
    json: bool = False
    """Print the result as JSON to standard output and everything else to standard error."""
    tensorboard: bool = False
    """Write the history for TensorBoard too (needs the extra `tensorboard`)."""
    devices: int | Literal["all"] | None = None
    """Devices that share each batch, which must be a multiple of their number; by default one, and all if
    --distributed."""
    processes: Unprefixed[Processes] = field(factory=Processes)
    """The processes that share the training."""


def perform(plan: Plan, options: JobOptions) -> int:
    """Do the whole job and return the exit code.

    Raises Stopped if SIGTERM or Ctrl-C requested a stop.
    """
    run = plan.run
    if options.processes.distributed:
        connect(options.processes)
    console = Console(stderr=options.json, highlight=False, soft_wrap=True, quiet=not is_first())
    dataset = load_dataset(run.data, console.print)
    check_dataset(run, dataset)
    if plan.data_checksum not in (None, dataset.checksum):
        raise UserError(
            f"--extractor: was trained on other images than {dataset.source} (SHA-256 "
            f"{plan.data_checksum}, not {dataset.checksum}): use its own data, or train it again"
        )
    origin = Origin(dataset.checksum, fingerprint_stages(plan.fitted))
    check_same(
        {
            "software": library_versions(),
            "images": origin.data_checksum,
            "extractor": origin.fitted,
            "configuration": encode(run, NAMES),
            "number of local devices": jax.local_device_count(),
        }
    )
    devices = options.devices or ("all" if options.processes.distributed else 1)
    with listening(console.print, console.show_cursor) as interruption:
        output = Output(
            options.run_dir, options.tensorboard, console.print, interruption.stop_requested
        )
        handle = None
        try:
            with open_run(run, origin, output, len(plan.fitted)) as handle:
                if handle.finished:
                    console.print(f"Finished already, nothing is trained: {handle.path}")
                else:
                    _complete(plan, dataset, handle, interruption, console, devices)
                if not is_first():
                    return 0
                stages = read_result(handle.path)
        except Stopped:
            if handle is not None and handle.path.exists():
                console.print(f"Stopped; what is done so far: {handle.path}")
            raise

    classifier = Classifier.from_checkpoint(handle.path / CHECKPOINT)
    console.print("Restored from the checkpoint, on the first test images:")
    for index, prediction in enumerate(classifier.classify(dataset.test.images[:5])):
        console.print(
            f"  image {index}: predicted {prediction.label} ({prediction.probability:.1%}), "
            f"correct {dataset.class_names[dataset.test.labels[index]]}"
        )
    *others, last = (stage.name for stage in run.stages)
    for name in others:
        accuracy = stages[name]["test"]["accuracy"]
        console.print(f"Test accuracy of stage {name}: {accuracy:.4f}")
    if options.json:
        print(json_text({"run_dir": str(handle.path), "images": dataset.title, "stages": stages}))
    else:
        print(f"Test accuracy: {stages[last]['test']['accuracy']:.4f}")
    return 0


def _complete(
    plan: Plan,
    dataset: Dataset,
    handle: RunHandle,
    interruption: Interruption,
    console: Console,
    devices: int | Literal["all"],
) -> None:
    """Train, and write everything that a run leaves."""
    try:
        from fmnist_jax.runs import pictures
    except ModuleNotFoundError as error:
        raise missing_extra("matplotlib, which draws a run's pictures,", "plots") from error
    for name, checkpoints in handle.checkpoints.items():
        if checkpoints.newest is not None:
            epoch = len(checkpoints.newest.history)
            console.print(f"Resumes after epoch {epoch} of stage {name}: {handle.path}")
    with use_devices(devices):
        trained = _train_with_progress(plan, dataset, handle, console)
        interruption.check()
        assessments = {
            stage.fitted.name: assess(stage.fitted, stage.splits, dataset.class_names)
            for stage in trained.stages
        }
    interruption.check()
    if not is_first():
        return
    result = directory.make_result(trained, assessments, dataset)
    directory.write_checkpoint(handle.path, trained, result, dataset)
    interruption.check_alone()
    test = assessments[trained.stages[-1].fitted.name]["test"]
    pictures.write_pictures(handle.path, trained, test, dataset)
    interruption.check_alone()
    directory.finish(handle.path, result)
    console.print(f"Configuration, metrics, pictures and checkpoint: {handle.path}")


def log_line(record: EpochRecord, config: TrainingConfig) -> str:
    """Format an epoch's line as report 1 prints it."""
    parts = [
        f"Epoch {record.epoch}/{config.epochs}",
        f"Train Loss: {record.train_loss:.4f}",
        f"Train Acc: {record.train_accuracy:.4f}",
    ]
    if record.validation_loss is not None:
        parts.append(f"Val Loss: {record.validation_loss:.4f}")
    if record.validation_accuracy is not None:
        parts.append(f"Val Acc: {record.validation_accuracy:.4f}")
    if config.patience is not None:
        parts.append(f"Patience: {record.patience}/{config.patience}")
    return " | ".join(parts)


def ending_line(trained: TrainedStage) -> str:
    """Format the line after a stage's last epoch as report 1 prints it."""
    last, training = len(trained.history), trained.stage.training
    kept = "kept" if training.keep == "last" else f"best epoch: {trained.best_epoch}"
    if training.patience is not None and trained.history[-1].patience >= training.patience:
        return f"Early stopping at epoch {last} ({kept})"
    return f"Stopped after epoch {last}, the last one ({kept})"


def features_line(splits: Splits) -> str:
    """Format the shape of every split's features as report 1 prints them."""
    shapes = (f"{name} {split.images.shape}" for name, split in splits.items())
    return "Features: " + ", ".join(shapes)


def _train_with_progress(
    plan: Plan, dataset: Dataset, handle: RunHandle, console: Console
) -> TrainedRun:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        say: Callable[[str], None] = progress.console.print
        bars: dict[str, TaskID] = {}
        for stage in plan.run.stages[len(plan.fitted) :]:
            newest = handle.checkpoints[stage.name].newest
            bars[stage.name] = progress.add_task(
                f"{stage.name} epochs",
                total=stage.training.epochs,
                completed=len(newest.history) if newest else 0,
            )

        def on_epoch(stage: Stage, record: EpochRecord) -> None:
            handle.write[stage.name](record)
            say(log_line(record, stage.training))
            progress.update(bars[stage.name], completed=record.epoch)

        hooks = Hooks(
            on_features=lambda _, splits: say(features_line(splits)),
            on_epoch=on_epoch,
            on_stage=lambda trained: say(ending_line(trained)),
            checkpoints=handle.checkpoints,
        )
        return train(plan.run, dataset, hooks, plan.fitted)
