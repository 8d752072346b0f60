"""Images a second of the convnets: training and feature extraction, compared with PyTorch and Flax.

Command: `python -m experiments.benchmarks.convnets [--torch-python PATH]`

Needs an idle machine. PATH is another interpreter that has torch and NumPy; without it, this one's torch is
used (the extra `benchmark`). Results, targets and protocol are in `docs/benchmarks.md`.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from attrs import field, frozen
from rich.console import Console

from experiments.benchmarks import harness
from experiments.benchmarks.candidates import CANDIDATES, describe_all, describe_row, summarize
from experiments.benchmarks.results import results_path, store_row
from experiments.engine.spec import Experiment
from experiments.engine.spec import Row as ExperimentRow
from experiments.reports.report1 import table2 as report1_table2
from experiments.reports.report3 import lenet as report3_lenet
from experiments.reports.report4 import backbone as report4_backbone
from fmnist_jax.cli.arguments import parse
from fmnist_jax.config.codec import encode, name_of
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import NAMES, Stage
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY
from fmnist_jax.storage.files import write_json
from fmnist_jax.training.optimizers import OPTIMIZERS

PROGRAM = "python -m experiments.benchmarks.convnets"

BATCH_SIZE, SEED = 64, 0

STEPS = 50
"""Training steps of a timed run."""
PYTORCH_FEATURES_BATCH = 100
"""Images from which PyTorch extracts features at a time."""
SLOW_MULTIPLY_ADDS, SLOW_STEPS = 15_000_000, 10
"""Multiply-adds of an image above which a timed run has fewer steps, and how many."""


@frozen
class Row:
    """A network that all candidates train as an experiment trains it."""

    name: str
    stage: Stage

    def counts(self, steps: int | None) -> dict[str, int]:
        """Return the number of images of a timed run, by kind of work."""
        multiply_adds = sum(layer.multiply_adds for layer in self.stage.model.layers())
        steps = steps or (SLOW_STEPS if multiply_adds > SLOW_MULTIPLY_ADDS else STEPS)
        return {
            "train": steps * BATCH_SIZE,
            # At least 2 steps: XLA turns a loop of one step into straight code.
            "flax": max(2, steps // 16) * BATCH_SIZE,
            "features": steps * 200,
            "features_batch": PYTORCH_FEATURES_BATCH,
        }


def first_stage(name: str, row: ExperimentRow) -> Row:
    """Take the convnet of an experiment's row."""
    return Row(name, row.run.stages[0])


def find_row(experiment: Experiment, part: str) -> ExperimentRow:
    """Return the first row of an experiment whose name contains `part`."""
    return next(row for row in experiment.rows if part in row.name)


ROWS = (
    *(first_stage(row.name, row) for row in report1_table2.EXPERIMENT.rows),
    first_stage(
        "LeNet", find_row(report3_lenet.EXPERIMENT, f"batch 64 {SOFTMAX_CROSS_ENTROPY.name}")
    ),
    first_stage("backbone", find_row(report4_backbone.EXPERIMENT, "doubled filters")),
)


def row_names() -> list[str]:
    """Return the names of all rows, in order."""
    return [row.name for row in ROWS]


@frozen
class Options:
    """Time training and feature extraction of convnets, ours and others', on the CPU."""

    rounds: int = 5
    """Timed runs of each candidate; in a round each candidate runs once, one at a time."""
    torch_python: Path | None = None
    """An interpreter with torch and NumPy, where this one has no torch."""
    rows: tuple[str, ...] = ()
    """Only rows whose name contains one of these; the stored figures of the others stay."""
    quick: bool = False
    """Few steps, in seconds, to check that everything works; stored under runs/quick."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""

    def __attrs_post_init__(self) -> None:
        """Refuse options that would measure nothing."""
        harness.check_options(self.rounds, self.rows, row_names())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows and print each when it is done; returns 2 for invalid input."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        measure_all(parse(Options, PROGRAM, arguments, {}), console.print)
    except UserError as error:
        print(f"experiments.benchmarks.convnets: {error}", file=sys.stderr)
        return 2
    return 0


def measure_all(options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure the selected rows and store each when it is done; returns this JAX's stored rows."""
    train = harness.training_split(options.data, not options.quick, log)
    path = results_path("convnets", options.quick)
    rows: dict[str, Any] = {}
    for row in ROWS:
        if not harness.is_selected(row.name, options.rows):
            continue
        machine = harness.machine_info()
        harness.warn_if_busy(machine["load_before"], log)
        measured = measure(row, train, options, log)
        for line in describe_row(f"{row.name}, batch {BATCH_SIZE}, float32", measured):
            log(line)
        rows = store_row(path, row.name, machine | {"candidates": measured}, row_names())
    for line in describe_all([row["candidates"] for row in rows.values()]):
        log(line)
    log(f"Written to {path}")
    return rows


def measure(row: Row, train: Split, options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Time one row's candidates; returns the figures of each."""
    counts = row.counts(2 if options.quick else None)
    with tempfile.TemporaryDirectory() as directory:
        write_job(Path(directory), row, train, counts)
        with harness.start_workers(
            CANDIDATES, options.torch_python, Path(directory), log
        ) as workers:
            harness.run_rounds(workers, 1)  # the first run of each is not counted
            rounds = harness.run_rounds(workers, options.rounds)
    return {name: summarize(name, worker, rounds, counts) for name, worker in workers.items()}


def write_job(folder: Path, row: Row, train: Split, counts: Mapping[str, int]) -> None:
    """Write the files of a worker's `Job`; all candidates start from the same weights."""
    model, training, scaling = row.stage.model, row.stage.training, row.stage.scaling
    parameters = model.build().init(jax.random.key(SEED)).parameters
    weights: dict[str, Any] = {
        f"{part}.{index}.{name}": np.asarray(values)
        for part, layers in parameters.items()
        for index, layer in layers.items()
        for name, values in layer.items()
    }
    images, labels = (values[: max(counts.values())] for values in train)
    statistics = scaling.fit(train.images)
    np.save(folder / "images.npy", images)
    np.save(folder / "inputs.npy", scaling.apply(statistics, images))
    np.save(folder / "labels.npy", labels)
    np.savez(folder / "weights.npz", **weights)
    np.savez(folder / "statistics.npz", **statistics)
    job = {
        "network": encode(model, NAMES),
        "optimizer": name_of(training.optimizer, OPTIMIZERS),
        "scaling": scaling.name,
        "batch_size": BATCH_SIZE,
        "learning_rate": training.learning_rate,
        "seed": SEED,
        "counts": dict(counts),
    }
    write_json(folder / "job.json", job)


if __name__ == "__main__":
    sys.exit(main())
