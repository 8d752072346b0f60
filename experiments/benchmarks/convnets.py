"""Images a second of the convnets: training and feature extraction, compared with PyTorch and Flax.

Command: `python -m experiments.benchmarks.convnets [--torch-python PATH]`

Needs an idle machine. PATH is another interpreter that has torch and NumPy; without it, this one's torch is
used (the extra `benchmark`). Results, targets and protocol are in `docs/benchmarks.md`.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from experiments.benchmarks import harness
from experiments.benchmarks.candidates import CANDIDATES, describe_all, describe_row, summarize
from experiments.benchmarks.results import results_path, store_row
from experiments.engine.spec import Experiment
from experiments.engine.spec import Row as ExperimentRow
from experiments.reports.report1 import table2 as report1_table2
from experiments.reports.report3 import lenet as report3_lenet
from experiments.reports.report4 import backbone as report4_backbone
from fmnist_jax.data.dataset import Split
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.runs.config import Stage
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY
from fmnist_jax.training.config import TrainingConfig

BATCH_SIZE = 64

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

    @property
    def timed(self) -> Stage:
        """The stage with only those options of its training that all candidates have."""
        training = TrainingConfig(
            batch_size=BATCH_SIZE,
            optimizer=self.stage.training.optimizer,
            learning_rate=self.stage.training.learning_rate,
        )
        return evolve(self.stage, training=training)

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
    return harness.command("convnets", Options, measure_all, arguments)


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
    """Time one row's candidates; the first run of each is not counted. Returns the figures of each."""
    counts = row.counts(2 if options.quick else None)
    write = partial(harness.write_job, stage=row.timed, train=train, counts=counts)
    versions, _, rounds = harness.time_candidates(CANDIDATES, options, write, log)
    return {
        name: summarize(name, rounds, counts) | {"versions": versions[name]} for name in versions
    }


if __name__ == "__main__":
    sys.exit(main())
