"""Checkpoints between two Pythons with their own versions of JAX, in both directions:

    python -m tests.robustness.versions --other /path/to/another/python

Each saves an MLP, a convolutional network and a pipeline; the other restores them: the weights must
be the same to the bit, predictions and two more epochs of the MLP's training equal to rounding.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint, save_checkpoint
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.scratch.initializers import he_uniform
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import fit, make_task, start
from fmnist_jax.training.optimizers import adam
from fmnist_jax.training.step import TrainingData, put_on_device
from tests.checkpoints import checkpoint, leaves

ROOT = Path(__file__).parents[2]

MLP = MLPConfig((784, 32, 10), initializer=he_uniform)
NETWORK = FiveConv(filters=(4, 4, 8, 8, 16), hidden=16, initializer=he_uniform).network
PIPELINE = (NETWORK, MLPConfig((NETWORK.features, 16, 10), initializer=he_uniform))
TRAINING = TrainingConfig(epochs=2, batch_size=50, optimizer=adam, learning_rate=0.001)

IMAGES = np.random.default_rng(1).integers(0, 256, (200, 28, 28)).astype(np.uint8)
LABELS = np.random.default_rng(2).integers(0, 10, 200).astype(np.int32)


def models() -> dict[str, Checkpoint]:
    """An untrained model of each kind."""
    return {
        "mlp": checkpoint(MLP),
        "convnet": checkpoint(NETWORK, UNIT),
        "pipeline": checkpoint(PIPELINE, UNIT),
    }


def results(saved: Checkpoint) -> dict[str, Any]:
    """Weights, predictions, and of an MLP the weights after two more epochs."""
    found: dict[str, Any] = {f"exact-{index}": leaf for index, leaf in enumerate(leaves(saved))}
    found["predictions"] = Classifier(saved).probabilities(IMAGES)
    first, *others = saved.stages
    if first.model == MLP and not others:
        task = make_task(MLP.build(), first.scaling, TRAINING, len(IMAGES))
        state = start(task, TRAINING)
        variables: Any = jax.tree.map(jax.numpy.array, first.variables)
        state = state._replace(train=state.train._replace(variables=variables))
        split = put_on_device(IMAGES, LABELS, 10)
        data = TrainingData(split, split, first.statistics)
        *_, (last, _) = fit(task, TRAINING, data, state)
        trained = jax.tree.leaves(last.train.variables)
        found |= {f"trained-{index}": np.asarray(leaf) for index, leaf in enumerate(trained)}
    return found


def save(folder: Path) -> None:
    """Save each model, and next to it what it gives here."""
    for name, saved in models().items():
        save_checkpoint(folder / name, saved)
        np.savez(folder / f"{name}.npz", **results(saved))


def check(folder: Path) -> None:
    """Restore what `save` left; raises AssertionError if it gives something else here."""
    for name in models():
        found, expected = (
            results(restore_checkpoint(folder / name)),
            np.load(folder / f"{name}.npz"),
        )
        assert found.keys() == set(expected.files)
        for key, array in found.items():
            if key.startswith("exact"):
                np.testing.assert_array_equal(array, expected[key])
            else:
                np.testing.assert_allclose(array, expected[key], rtol=1e-4, atol=1e-5)
        worst = max(np.abs(array - expected[key]).max() for key, array in found.items())
        print(f"  {name}: {len(found)} arrays, largest difference {worst:.1e}")


def main() -> None:
    """Save with each of the two Pythons and restore with the other."""
    parser = argparse.ArgumentParser(description="Checkpoints between two Pythons.")
    parser.add_argument("--other", help="the other Python")
    parser.add_argument("--save", type=Path, help="(one side) save to this folder")
    parser.add_argument("--check", type=Path, help="(one side) restore from this folder")
    options = parser.parse_args()
    here = f"Python {platform.python_version()}, JAX {jax.__version__}"
    if options.save:
        print(f"saved with {here}", flush=True)
        save(options.save)
    elif options.check:
        print(f"restored with {here}", flush=True)
        check(options.check)
    else:
        for first, second in ((sys.executable, options.other), (options.other, sys.executable)):
            with tempfile.TemporaryDirectory() as folder:
                for python, task in ((first, "--save"), (second, "--check")):
                    command = [python, "-m", "tests.robustness.versions", task, folder]
                    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
