"""Runs of every kind, trained on several numbers of devices by one process that has eight of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from attrs import evolve

from fmnist_jax.checkpoint.checkpoint import Checkpoint
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.scaling import SYMMETRIC, Z_SCORE
from fmnist_jax.devices.mesh import use_devices
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.gradients import HAND_WRITTEN
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.train import Hooks, assess, train
from fmnist_jax.scratch.initializers import he_normal
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import flip_and_shift
from fmnist_jax.training.checkpointing import TrainingCheckpoints
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import momentum
from tests.once import drawn
from tests.stateful import RunningMean

ROOT = Path(__file__).parents[2]
COUNTS = (1, 2, 4, 8)

TRAINING = TrainingConfig(
    epochs=2, batch_size=16, optimizer=momentum, learning_rate=0.05, patience=None
)
# The first block uses im2col, the second Winograd's algorithm.
CONVNET = ConvNetConfig((Block(16, stride=2), Block(4)), (8,), initializer=he_normal)
AUGMENTED = evolve(TRAINING, augmentation=flip_and_shift)
MLP = Stage("mlp", MLPConfig((36, 8, 10), dropout=0.3), TRAINING, Z_SCORE)
RUNS = {
    "pipeline": Run((Stage("convnet", CONVNET, AUGMENTED, SYMMETRIC), MLP)),
    "hand_written": Run(
        (Stage("convnet", evolve(CONVNET, gradients=HAND_WRITTEN), TRAINING, SYMMETRIC),)
    ),
    "running_mean": Run((Stage("mean", RunningMean(784), TRAINING, Z_SCORE),)),
}


def dataset() -> Dataset:
    """100 training images, so that 4 are left over: two or four devices share them, eight don't."""
    raw = drawn(180, 60)
    first, second = (
        Split(*(values[part] for values in raw.train)) for part in (np.s_[:100], np.s_[100:])
    )
    return Dataset(first, second, raw.test, raw.source, raw.checksum)


def outcome(run: Run, hooks: Hooks | None = None) -> dict[str, Any]:
    """All numbers that a training ends with."""
    data = dataset()
    trained = train(run, data, hooks)
    numbers: dict[str, Any] = {}
    for stage in trained.stages:
        (device,) = {leaf.device for leaf in jax.tree.leaves(stage.fitted.variables)}
        assert device == jax.local_devices()[0]
        name = stage.fitted.name
        for index, leaf in enumerate(jax.tree.leaves(stage.fitted.variables)):
            numbers[f"{name} {index}"] = np.asarray(leaf)
        numbers[f"{name} losses"] = [record.train_loss for record in stage.history]
        numbers[f"{name} validation"] = [record.validation_loss for record in stage.history]
        found = assess(stage.fitted, stage.splits, data.class_names)
        numbers[f"{name} test"] = found["test"].probabilities
    checkpoint = Checkpoint(trained.fitted, data.class_names, {}, {}, data.checksum)
    numbers["classified"] = Classifier(checkpoint).probabilities(data.test.images)
    return numbers


def resumed(folder: Path, first: int, then: int) -> dict[str, Any]:
    """The outcome of a training that was interrupted on `first` devices and resumed on others."""
    run = RUNS["running_mean"]
    hooks = Hooks(checkpoints={"mean": TrainingCheckpoints(folder / f"{first}-{then}", "key")})
    with use_devices(first):
        train(run.with_training(epochs=1), dataset(), hooks)
    with use_devices(then):
        return outcome(run, hooks)


def refused() -> list[str]:
    """What is said of devices that there aren't, and of batches that can't be shared."""
    messages = []
    for count, run in ((9, RUNS["running_mean"]), (0, RUNS["running_mean"]), (3, RUNS["pipeline"])):
        try:
            with use_devices(count):
                train(run, dataset())
        except UserError as error:
            messages.append(str(error))
    return messages


def main(folder: Path) -> None:
    """Store the outcomes."""
    for name, run in RUNS.items():
        for count in COUNTS:
            with use_devices(count):
                np.savez(folder / f"{name}-{count}.npz", **outcome(run))
    for first, then in ((1, 4), (4, 1), (4, 4)):
        np.savez(folder / f"resumed-{first}-{then}.npz", **resumed(folder, first, then))
    (folder / "refused.json").write_text(json.dumps(refused()))


def start(folder: Path) -> None:
    """Call `main` in a process with eight devices."""
    subprocess.run(
        [sys.executable, "-m", "tests.devices.on_devices", folder],
        cwd=ROOT,
        check=True,
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            # LLVM needn't try hard: compiling is most of the time here.
            "XLA_FLAGS": "--xla_force_host_platform_device_count=8 "
            "--xla_backend_optimization_level=0",
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
