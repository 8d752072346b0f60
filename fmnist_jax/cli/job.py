"""The main job for any kind of run: data, training, figures, pictures, checkpoint, restored predictions."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fmnist_jax.cli.arguments import json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.cli.interruption import Interruption, Stopped, listening
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import load_dataset
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.pipeline_model import fingerprint
from fmnist_jax.runs import directory as run_directory
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.directory import Opened
from fmnist_jax.runs.lock import CHECKPOINT, RESULT, Origin
from fmnist_jax.runs.parts import Outcome, Run, assess_parts, parts, trainings
from fmnist_jax.runs.pipeline import Features
from fmnist_jax.runs.run import OnEpoch, Trained
from fmnist_jax.training.checkpointing import Snapshots
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, FitState


@dataclass(frozen=True)
class Output:
    """Where a run's results go."""

    run_dir: Path | None = None
    """Directory for configuration, metrics, pictures and checkpoint; without it a new one under runs/.
    The same command again goes on with a run that was cut short."""
    json: bool = False
    """Print the result as JSON to standard output and everything else to standard error."""
    tensorboard: bool = False
    """Write the history for TensorBoard too (needs the extra `tensorboard`)."""


class Hooks(NamedTuple):
    """What a training calls on its way, and where it keeps its state."""

    on_epoch: Mapping[str, OnEpoch]
    """By part."""
    on_features: Callable[[Trained, Features], None]
    """Between the two trainings of a pipeline."""
    snapshots: Mapping[str, Snapshots]
    """By part."""


Train = Callable[[Dataset, Hooks], Outcome]


def perform(run: Run, train: Train, output: Output, given: Trained | None = None) -> int:
    """Do the whole job, `train` being its training; the exit code. `given` is a network trained before.

    Raises Stopped where SIGTERM or Ctrl-C asked for an end.
    """
    console = Console(stderr=output.json, highlight=False, soft_wrap=True)
    dataset = load_dataset(run.data, console.print)
    runs.check_sizes(run.model, dataset)
    told = {part: how for part, how in trainings(run).items() if not (given and part == "network")}
    origin = Origin(dataset.checksum, given and fingerprint(given.parameters))
    with (
        listening(console.print, console.show_cursor) as interruption,
        run_directory.opened(
            output.run_dir, run, origin, output.tensorboard, told, console.print, interruption.asked
        ) as opened,
    ):
        try:
            if opened.finished:
                console.print(f"Finished already, nothing is trained: {opened.path}")
            else:
                _complete(run, train, told, dataset, opened, interruption, console)
        except Stopped:
            console.print(f"Stopped; what is done so far: {opened.path}")
            raise
        result = json.loads((opened.path / RESULT).read_text("utf-8"))

    classifier = Classifier.from_checkpoint(opened.path / CHECKPOINT)
    console.print("Restored from the checkpoint, on the first test images:")
    for index, prediction in enumerate(classifier.classify(dataset.test.images[:5])):
        console.print(
            f"  image {index}: predicted {prediction.label} ({prediction.probability:.1%}), "
            f"correct {dataset.class_names[dataset.test.labels[index]]}"
        )
    *others, last = trainings(run)
    for name in others:
        accuracy = result[name]["test"]["accuracy"]
        console.print(f"Test accuracy of the {name} itself: {accuracy:.4f}")
    if output.json:
        print(json_text({"run_dir": str(opened.path), **result}))
    else:
        print(f"Test accuracy: {result.get(last, result)['test']['accuracy']:.4f}")
    return 0


def _complete(
    run: Run,
    train: Train,
    told: Mapping[str, TrainingConfig],
    dataset: Dataset,
    opened: Opened,
    interruption: Interruption,
    console: Console,
) -> None:
    """Train, and write all that a run leaves."""
    for part, kept in opened.snapshots.items():
        if kept.newest is not None:
            of = f" of the {part}" if part else ""
            epoch = len(kept.newest.history)
            console.print(f"Goes on after epoch {epoch}{of}, unfinished: {opened.path}")
    trained = _train_with_progress(told, train, dataset, opened, console)
    *_, last = trained_parts = parts(trained)
    console.print(ending_line(trained_parts[last], told[last]))
    interruption.check()
    assessments = assess_parts(trained, dataset)
    interruption.check()
    result = run_directory.result_of(trained, assessments)
    run_directory.write_checkpoint(opened.path, run, trained, result, dataset)
    interruption.check()
    run_directory.write_pictures(opened.path, run, trained, assessments, dataset)
    interruption.check()
    run_directory.finish(opened.path, result)
    console.print(f"Configuration, metrics, pictures and checkpoint: {opened.path}")


def log_line(record: EpochRecord, config: TrainingConfig) -> str:
    """The epoch's line, as report 1 prints it."""
    patience = (
        "" if config.patience is None else f" | Patience: {record.patience}/{config.patience}"
    )
    return (
        f"Epoch {record.epoch}/{config.epochs} | Train Loss: {record.train_loss:.4f} | "
        f"Train Acc: {record.train_accuracy:.4f} | Val Loss: {record.validation_loss:.4f} | "
        f"Val Acc: {record.validation_accuracy:.4f}{patience}"
    )


def ending_line(trained: Trained, config: TrainingConfig) -> str:
    """The line after the last epoch, as report 1 prints it."""
    last, best = len(trained.history), trained.best_epoch
    if config.patience is not None and trained.history[-1].patience >= config.patience:
        return f"Early stopping at epoch {last} (best epoch: {best})"
    return f"Stopped after epoch {last}, the last one (best epoch: {best})"


def features_line(features: Features) -> str:
    """The shape of every split's features, as report 1 prints them."""
    shapes = (f"{name} {split.images.shape}" for name, split in features._asdict().items())
    return "Features: " + ", ".join(shapes)


def _train_with_progress(
    told: Mapping[str, TrainingConfig],
    train: Train,
    dataset: Dataset,
    opened: Opened,
    console: Console,
) -> Outcome:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:

        def on_epoch(part: str, config: TrainingConfig) -> OnEpoch:
            newest = opened.snapshots[part].newest
            done = len(newest.history) if newest else 0
            task = progress.add_task(f"{part} epochs".strip(), total=config.epochs, completed=done)

            def after(state: FitState, record: EpochRecord) -> None:
                opened.write(record, part)
                progress.console.print(log_line(record, config))
                progress.update(task, completed=record.epoch)

            return after

        def on_features(network: Trained, features: Features) -> None:
            if "network" in told:
                progress.console.print(ending_line(network, told["network"]))
            progress.console.print(features_line(features))

        by_part = {part: on_epoch(part, config) for part, config in told.items()}
        return train(dataset, Hooks(by_part, on_features, opened.snapshots))
