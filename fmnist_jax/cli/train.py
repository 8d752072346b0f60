"""`fmnist-jax train`: the main job, from the data to predictions of the restored checkpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fmnist_jax import run_directory, runs
from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import load_dataset
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.runs import MLPRun, Trained
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.fit import EpochRecord, FitState


def main(arguments: Sequence[str]) -> int:
    """Train the network that the first word names; the scratch MLP where none does."""
    words = list(arguments)
    name = words.pop(0) if words and words[0] in NETWORKS else "mlp"
    return call(NETWORKS[name], f"train {name}", words, runs.NAMES)


def train_mlp(
    run: MLPRun,
    run_dir: Path | None = None,
    json: bool = False,
    tensorboard: bool = False,
) -> int:
    """Train the scratch MLP, whose gradients are written by hand.

    Args:
        run: What is trained, how, and on what.
        run_dir: Directory for configuration, metrics, pictures and checkpoint; a new one under runs/
            without it.
        json: Print the result as JSON to standard output and everything else to standard error.
        tensorboard: Write the history for TensorBoard too (needs the extra `tensorboard`).
    """
    console = Console(stderr=json, highlight=False, soft_wrap=True)
    dataset = load_dataset(run.data, console.print)
    runs.check_sizes(run.model, dataset)
    with run_directory.created(run_dir, run, tensorboard) as (directory, write):
        trained = _train_with_progress(run, dataset, write, console)
    console.print(ending_line(trained, run.training))

    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    assessments = {
        name: runs.assess(trained, split, dataset.class_names) for name, split in splits.items()
    }
    result = run_directory.write_result(directory, trained, assessments)
    checkpoint = run_directory.write_checkpoint(directory, run, trained, result, dataset)
    run_directory.write_pictures(directory, trained, assessments["test"], dataset)
    console.print(f"Configuration, metrics, pictures and checkpoint: {directory}")

    classifier = Classifier.from_checkpoint(checkpoint)
    console.print("Restored from the checkpoint, on the first test images:")
    for index, prediction in enumerate(classifier.classify(dataset.test.images[:5])):
        console.print(
            f"  image {index}: predicted {prediction.label} ({prediction.probability:.1%}), "
            f"correct {dataset.class_names[dataset.test.labels[index]]}"
        )
    if json:
        print(json_text({"run_dir": str(directory), **result}))
    else:
        print(f"Test accuracy: {result['test']['accuracy']:.4f}")
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


def _train_with_progress(
    run: MLPRun, dataset: Dataset, write: Callable[[EpochRecord], None], console: Console
) -> Trained:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        epochs = progress.add_task("epochs", total=run.training.epochs)

        def on_epoch(state: FitState, record: EpochRecord) -> None:
            write(record)
            progress.console.print(log_line(record, run.training))
            progress.update(epochs, completed=record.epoch)

        return runs.train(run, dataset, on_epoch)


NETWORKS = {"mlp": train_mlp}
