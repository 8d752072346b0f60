"""Saved on 1, 2, 4 or 8 devices, restored on any of these: the same predictions, training resumes."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from attrs import evolve
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint, save_checkpoint
from fmnist_jax.config.model import Variables
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import fit, make_task, start
from fmnist_jax.training.optimizers import momentum
from fmnist_jax.training.step import TrainingData, put_on_device
from tests.checkpoints import checkpoint, leaves, with_stages
from tests.compiling import QUICK

ROOT = Path(__file__).parents[2]
COUNTS = (1, 2, 4, 8)

MLP = MLPConfig((784, 16, 10))
TRAINING = TrainingConfig(epochs=2, batch_size=50, optimizer=momentum, learning_rate=0.01)

IMAGES = np.random.default_rng(1).integers(0, 256, (200, 28, 28)).astype(np.uint8)
LABELS = np.random.default_rng(2).integers(0, 10, 200).astype(np.int32)


def sharded(leaf: Any, count: int) -> Any:
    """Along the first axis that so many devices divide; a copy on each where none is."""
    mesh = Mesh(np.array(jax.devices()[:count]), ("devices",))
    divisible = [size % count == 0 for size in leaf.shape]
    axis = divisible.index(True) if any(divisible) else len(divisible)
    names = ["devices" if index == axis else None for index in range(len(divisible))]
    return jax.device_put(leaf, NamedSharding(mesh, PartitionSpec(*names)))


def save(folder: Path) -> None:
    """In a process with eight devices: variables spread over one, two, four and eight of these."""
    saved = checkpoint(MLP)
    (stage,) = saved.stages
    for count in COUNTS:
        variables = jax.tree.map(partial(sharded, count=count), stage.variables)
        assert {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(variables)} == {count}
        spread = with_stages(saved, evolve(stage, variables=variables))
        save_checkpoint(folder / str(count), spread)


def restore(folder: Path) -> None:
    """In a process with so many devices: predictions, and resumed training, of all saved."""
    count = len(jax.devices())
    for saved in COUNTS:
        restored = restore_checkpoint(folder / str(saved))
        arrays: dict[str, Any] = {"probabilities": Classifier(restored).probabilities(IMAGES)}
        trained = jax.tree.leaves(train_on(restored.stages[0], count))
        arrays |= {str(index): np.asarray(leaf) for index, leaf in enumerate(trained)}
        np.savez(folder / f"{saved}-{count}.npz", **arrays)


def train_on(stage: FittedStage, count: int) -> Variables:
    """The variables two epochs after those of the stage, all arrays spread over so many devices."""
    place = partial(sharded, count=count)
    task = make_task(MLP.build(), stage.scaling, TRAINING, len(IMAGES))
    split = jax.tree.map(place, put_on_device(IMAGES, LABELS, 10))
    state = start(task, TRAINING)
    variables = jax.tree.map(place, stage.variables)
    state = state._replace(train=state.train._replace(variables=variables))
    data = TrainingData(split, split, jax.tree.map(place, stage.statistics))
    *_, (last, _) = fit(task, TRAINING, data, state)
    return last.train.variables


def on_devices(counts: tuple[int, ...], function: Callable[[Path], None], folder: Path) -> None:
    """Call it in a process for each number of devices, all at once."""
    program = (
        "import sys; from pathlib import Path; from tests.robustness import test_devices; "
        f"test_devices.{function.__name__}(Path(sys.argv[1]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, folder],
            cwd=ROOT,
            env={
                **os.environ,
                "JAX_PLATFORMS": "cpu",
                "XLA_FLAGS": f"--xla_force_host_platform_device_count={count} {QUICK}",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for count in counts
    ]
    for process in processes:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], Any]:
    """By devices that saved and devices that restored: predictions and trained variables."""
    folder = tmp_path_factory.mktemp("devices")
    on_devices(COUNTS[-1:], save, folder)
    on_devices(COUNTS, restore, folder)
    pairs = list(itertools.product(COUNTS, COUNTS))
    return {pair: dict(np.load(folder / f"{pair[0]}-{pair[1]}.npz")) for pair in pairs}


def test_predictions_are_equal_to_rounding(outcomes: dict[tuple[int, int], Any]) -> None:
    expected = outcomes[1, 1]["probabilities"]
    assert np.ptp(expected, axis=0).max() > 0.1  # the images differ
    for pair, found in outcomes.items():
        np.testing.assert_allclose(
            found["probabilities"], expected, rtol=1e-5, atol=1e-6, err_msg=str(pair)
        )


def test_training_resumes_equal_to_rounding(outcomes: dict[tuple[int, int], Any]) -> None:
    expected = outcomes[1, 1]
    first = leaves(checkpoint(MLP))[0]
    assert np.abs(expected["0"] - first).max() > 1e-3  # it did train
    for pair, found in outcomes.items():
        for name in "0123":
            np.testing.assert_allclose(
                found[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=f"{pair} {name}"
            )
