"""What the reports' own programs share: a network trained once, restored ever after, and its answers."""

import dataclasses
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int

from experiments.protocol import QUICK_EPOCHS
from fmnist_jax import runs
from fmnist_jax.checkpoint import restore_checkpoint
from fmnist_jax.cli import job
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.configuration import Tables
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.run_claims import CHECKPOINT
from fmnist_jax.runs import Assessment, CNNRun, MLPRun, Trained

Options = TypeVar("Options")
RunT = TypeVar("RunT", bound=MLPRun | CNNRun)


def told(run: RunT, data: DataConfig, quick: bool) -> RunT:
    """The run on these images; of a quick one two epochs."""
    epochs = QUICK_EPOCHS if quick else run.training.epochs
    return dataclasses.replace(
        run, data=data, training=dataclasses.replace(run.training, epochs=epochs)
    )


def trained_and_restored(run: MLPRun | CNNRun, folder: Path) -> Trained:
    """The network of the checkpoint in `folder`; trained first where there is none or a part of it.

    Raises UserError where the folder holds another run, and Stopped where a signal asked for an end.
    """

    def train(dataset: Dataset, hooks: job.Hooks) -> Trained:
        return runs.train(run, dataset, hooks.on_epoch[""], hooks.snapshots[""])

    job.perform(run, train, job.Output(run_dir=folder))
    saved = restore_checkpoint(folder / CHECKPOINT)
    model: Any = saved.network
    return Trained(
        model,
        saved.parameters,
        saved.scaling,
        saved.statistics,
        history=(),
        best_epoch=0,
        seconds=0.0,
    )


def scores(test: Assessment) -> list[str]:
    """Loss and accuracy, a line each."""
    return [f"Loss: {test.loss:.4f}", f"Accuracy: {test.metrics.accuracy:.4f}"]


def answers(test: Assessment, dataset: Dataset, indices: Int[np.ndarray, " n"]) -> list[str]:
    """A line a test image: its number, label and prediction."""
    names, labels = dataset.class_names, dataset.test.labels
    return [
        f"Image {index}: label {names[labels[index]]}, prediction {names[test.predictions[index]]}"
        for index in indices
    ]


def program(
    name: str,
    kind: Callable[..., Options],
    act: Callable[[Options], None],
    tables: Tables,
) -> None:
    """Do as the command line says; exits with 2 on UserError."""
    command = f"python -m experiments.{name}"
    try:
        act(parse(kind, command, None, tables))
    except UserError as error:
        print(f"experiments.{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except Stopped as stopped:
        again = f"{command} {shlex.join(sys.argv[1:])}"
        print(f"To go on, give the same command again: {again}", file=sys.stderr)
        sys.exit(stopped.exit_code)
