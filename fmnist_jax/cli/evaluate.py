"""`fmnist-jax evaluate`: a checkpoint's figures on the test images."""

import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import tyro
from rich.table import Table

from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.config.codec import decode
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.devices.mesh import use_devices
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation.metrics import Metrics, classification_metrics
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.runs.config import NAMES, SPLIT_FIELDS, TEST_FIELDS, Run, check_same_split


def main(arguments: Sequence[str]) -> int:
    """Evaluate the checkpoint that the arguments name."""
    return call(evaluate, "evaluate", arguments, {})


def evaluate(
    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")],
    data: DataConfig,
    split: Literal["train", "validation", "test"] = "test",
    json: bool = False,
    devices: int | Literal["all"] = 1,
) -> int:
    """Measure a checkpoint on a split of the data set.

    Args:
        checkpoint: A checkpoint, a run directory, or the name of a shipped checkpoint.
        data: Which images.
        split: Which part of them.
        json: Print the figures as JSON.
        devices: Devices that share the images.
    """
    classifier = Classifier.from_checkpoint(checkpoint)
    stored = decode(Run, classifier.checkpoint.run, NAMES, checkpoint)
    fields = TEST_FIELDS if split == "test" else SPLIT_FIELDS
    check_same_split(data, stored.data, checkpoint, fields)
    dataset = load_dataset(data, lambda line: print(line, file=sys.stderr))
    if classifier.checkpoint.class_names != dataset.class_names:
        raise UserError(
            f"{checkpoint}: has the classes {', '.join(classifier.checkpoint.class_names)}, the data set "
            f"has {', '.join(dataset.class_names)}; use the data that the checkpoint was trained on"
        )
    if split not in dataset.splits:
        raise UserError(
            "split: there is no validation split (validation_fraction 0); use train or test"
        )
    images, labels = dataset.splits[split]
    with use_devices(devices):
        predictions = np.asarray(classifier.probabilities(images)).argmax(axis=-1)
    metrics = classification_metrics(labels, predictions, dataset.class_names)
    if json:
        about = {"checkpoint": checkpoint, "images": dataset.title, "split": split}
        print(json_text({**about, **metrics.to_dict()}))
        return 0
    Console(highlight=False).print(table(metrics))
    print(f"Images: {dataset.title}")
    print(f"{split.capitalize()} accuracy: {metrics.accuracy:.4f}")
    return 0


def table(metrics: Metrics) -> Table:
    """Draw class-wise accuracy, then precision, recall and F1 over all classes."""
    rows = Table("class", "accuracy", title=None)
    for name, accuracy in zip(metrics.class_names, metrics.class_accuracy, strict=True):
        rows.add_row(name, f"{accuracy:.4f}")
    rows.add_section()
    for kind, averages in (("weighted", metrics.weighted), ("macro", metrics.macro)):
        for name, value in averages._asdict().items():
            rows.add_row(f"{name} ({kind})", f"{value:.4f}")
    return rows
