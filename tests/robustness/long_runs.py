"""Measures whether memory stays constant over long work (Linux):

    python -m tests.robustness.long_runs epochs --count 200
    python -m tests.robustness.long_runs rows --count 500 --configurations 10

`epochs` trains one MLP on synthetic pictures, a training checkpoint after each epoch; `rows` runs that
many small rows of an experiment, as the studies do: each configuration with several seeds, in one
process. Prints the resident memory at each tenth of the way, and how much it grew after the first
tenth, in which programs are compiled; for `rows`, after each configuration was run once. Exits with
1 if it grew by more than 5 %.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from experiments.engine.runner import Options, run
from experiments.engine.spec import Experiment, Row
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.train import Hooks, train
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.checkpointing import TrainingCheckpoints
from fmnist_jax.training.config import TrainingConfig
from tests.robustness.memory import resident

GROWTH = 0.05
"""The share by which memory may grow."""

SYNTHETIC = DataConfig(source="synthetic")


def epochs(count: int, note: Callable[[], None]) -> None:
    """One training of so many epochs."""
    training = TrainingConfig(epochs=count, batch_size=64, patience=None)
    model = MLPConfig((784, 32, 10), dropout=0.2)
    configured = Run((Stage("mlp", model, training, Z_SCORE),), SYNTHETIC)
    checkpoints = TrainingCheckpoints(Path("state"), "long run", print)
    hooks = Hooks(on_epoch=lambda stage, record: note(), checkpoints={"mlp": checkpoints})
    train(configured, load_dataset(SYNTHETIC, print), hooks)


def rows(count: int, configurations: int, note: Callable[[], None]) -> None:
    """That many rows of an experiment, of so many different configurations."""
    training = TrainingConfig(batch_size=200)
    table = tuple(
        Row(
            f"{units} units",
            Run((Stage("mlp", MLPConfig((784, units, 10)), training, Z_SCORE),), SYNTHETIC),
        )
        for units in range(8, 8 + configurations)
    )
    experiment = Experiment("experiments.long_run", "Long run", table, ("test_accuracy",))
    options = Options(seeds=-(-count // configurations), quick=True, data=SYNTHETIC)

    def log(line: str) -> None:
        if line.endswith("s)"):  # a row is done
            note()

    run(experiment, options, log)


def main() -> int:
    """Run as the command line says and print the memory used."""
    parser = argparse.ArgumentParser(description="Whether memory stays flat over long work.")
    parser.add_argument("work", choices=("epochs", "rows"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--configurations", type=int, default=10, help="of rows that differ")
    options = parser.parse_args()
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if options.work == "epochs":
            epochs(options.count, lambda: found.append(resident()))
            warm = len(found) // 10
        else:
            rows(options.count, options.configurations, lambda: found.append(resident()))
            warm = max(len(found) // 10, options.configurations)
        os.chdir("/")
    tenths = [found[len(found) * tenth // 10] for tenth in range(10)] + [found[-1]]
    print(f"{len(found)} {options.work}, MiB by tenths:", *(f"{value:.0f}" for value in tenths))
    if warm >= len(found):
        per = (found[-1] - found[0]) / max(len(found) - 1, 1)
        print(f"every row its own configuration: {per:.2f} MiB each")
        return 0
    grown = found[-1] - found[warm]
    print(f"after the first {warm}: {found[warm]:.0f} MiB; at the end {grown:+.1f} MiB")
    return int(grown > GROWTH * found[warm])


if __name__ == "__main__":
    sys.exit(main())
