"""The main job for any kind of run: data, training, figures, pictures, checkpoint, restored predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fmnist_jax import run_directory, runs
from fmnist_jax.cli.arguments import json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import load_dataset
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.parts import Outcome, Run, assess_parts, parts, trainings
from fmnist_jax.pipeline import Features
from fmnist_jax.runs import OnEpoch, Trained
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.fit import EpochRecord, FitState


@dataclass(frozen=True)
class Output:
    """Where a run's results go."""

    run_dir: Path | None = None
    """Directory for configuration, metrics, pictures and checkpoint; a new one under runs/ without it."""
    json: bool = False
    """Print the result as JSON to standard output and everything else to standard error."""
    tensorboard: bool = False
    """Write the history for TensorBoard too (needs the extra `tensorboard`)."""


class Hooks(NamedTuple):
    """What a training calls on its way."""

    on_epoch: Mapping[str, OnEpoch]
    """By part."""
    on_features: Callable[[Trained, Features], None]
    """Between the two trainings of a pipeline."""


Train = Callable[[Dataset, Hooks], Outcome]


def perform(run: Run, train: Train, output: Output, given: str | None = None) -> int:
    """Do the whole job, `train` being its training; the exit code. `given` is a part trained before."""
    console = Console(stderr=output.json, highlight=False, soft_wrap=True)
    dataset = load_dataset(run.data, console.print)
    runs.check_sizes(run.model, dataset)
    told = {part: config for part, config in trainings(run).items() if part != given}
    with run_directory.created(output.run_dir, run, output.tensorboard, told) as (directory, write):
        trained = _train_with_progress(told, train, dataset, write, console)
    trained_parts = parts(trained)
    *others, last = trained_parts
    console.print(ending_line(trained_parts[last], told[last]))

    assessments = assess_parts(trained, dataset)
    result = run_directory.write_result(directory, trained, assessments)
    checkpoint = run_directory.write_checkpoint(directory, run, trained, result, dataset)
    run_directory.write_pictures(directory, run, trained, assessments, dataset)
    console.print(f"Configuration, metrics, pictures and checkpoint: {directory}")

    classifier = Classifier.from_checkpoint(checkpoint)
    console.print("Restored from the checkpoint, on the first test images:")
    for index, prediction in enumerate(classifier.classify(dataset.test.images[:5])):
        console.print(
            f"  image {index}: predicted {prediction.label} ({prediction.probability:.1%}), "
            f"correct {dataset.class_names[dataset.test.labels[index]]}"
        )
    for name in others:
        accuracy = assessments[name]["test"].metrics.accuracy
        console.print(f"Test accuracy of the {name} itself: {accuracy:.4f}")
    if output.json:
        print(json_text({"run_dir": str(directory), **result}))
    else:
        print(f"Test accuracy: {assessments[last]['test'].metrics.accuracy:.4f}")
    return 0


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
    write: run_directory.Write,
    console: Console,
) -> Outcome:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:

        def on_epoch(part: str, config: TrainingConfig) -> OnEpoch:
            task = progress.add_task(f"{part} epochs".strip(), total=config.epochs)

            def after(state: FitState, record: EpochRecord) -> None:
                write(record, part)
                progress.console.print(log_line(record, config))
                progress.update(task, completed=record.epoch)

            return after

        def on_features(network: Trained, features: Features) -> None:
            if "network" in told:
                progress.console.print(ending_line(network, told["network"]))
            progress.console.print(features_line(features))

        by_part = {part: on_epoch(part, config) for part, config in told.items()}
        return train(dataset, Hooks(by_part, on_features))
