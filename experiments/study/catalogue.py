"""Every experiment of the study, with what it reproduces, what a run costs and how many are wanted."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax

from experiments.engine.runner import RESULTS, Experiment, Options, Row, Store, configure
from fmnist_jax.data import checksums

MINUTE = 60.0
SEEDS = ((MINUTE, 5), (10 * MINUTE, 3))
"""A run that takes less than so many seconds deserves so many seeds; a longer one three, on a CPU one."""

QUICK_RESULTS = Path("runs/quick")
"""Where `--quick` keeps its results."""


MODULES = {
    "smallest_network": "beyond.smallest_network",
    "report1_table1": "reports.report1.table1",
    "report1_table2": "reports.report1.table2",
    "report1_kernels": "reports.report1.kernels",
    "report1_choices": "reports.report1.table1_selection",
    "report1_table2_choices": "reports.report1.table2_selection",
    "report1_tuned": "reports.report1.tuned",
    "report1_tuned_choices": "reports.report1.tuned_selection",
    "report1_claims_mlp": "reports.report1.ablations_mlp",
    "report1_claims_network": "reports.report1.ablations_convnet",
    "report2_mlp": "reports.report2.mlp",
    "report2_cnn": "reports.report2.convnet",
    "report2_choices": "reports.report2.selection",
    "report2_claims": "reports.report2.ablations",
    "report2_program": "reports.report2.program",
    "report3_lenet": "reports.report3.lenet",
    "report3_choices": "reports.report3.selection",
    "report3_program": "reports.report3.program",
    "report4_mlp": "reports.report4.mlp",
    "report4_backbone": "reports.report4.backbone",
    "report4_claims_backbone": "reports.report4.ablations_backbone",
    "report4_claims_mlp": "reports.report4.ablations_mlp",
}


def module_of(name: str) -> str:
    """The module of an experiment or a program."""
    return f"experiments.{MODULES[name]}"


@dataclass(frozen=True)
class Entry:
    """An experiment of the study."""

    name: str
    """Its module."""
    reproduces: str
    seconds: float
    """A run's on two cores: an estimate, for rows of which no run is stored."""
    most_seeds: int = 5
    """No row gets more: of choices on validation one, the one they were made with."""

    @cached_property
    def experiment(self) -> Experiment:
        """Its rows."""
        return importlib.import_module(module_of(self.name)).EXPERIMENT


@dataclass(frozen=True)
class RowPlan:
    """A row of the study, and where it stands."""

    entry: Entry
    row: Row
    stored: int
    """Of the seeds that are wanted, those stored."""
    wanted: int
    """Seeds that the row deserves: 0, 1, 2, ..."""
    seconds: float
    """Of one run."""
    measured: bool
    """Whether `seconds` is a stored run's; else it is the estimate."""

    @property
    def name(self) -> str:
        """Which row of which experiment."""
        return f"{self.entry.name}: {self.row.name}"

    @property
    def all_seconds(self) -> float:
        """What all its seeds take."""
        return self.seconds * self.wanted

    @property
    def missing_seconds(self) -> float:
        """What the seeds that are still to be run will take."""
        return self.seconds * (self.wanted - self.stored)


CATALOGUE = (
    Entry("report4_claims_mlp", "report 4: the MLP without decay", 35),
    Entry("report4_mlp", "report 4: the MLP, and its curves with decay, dropout and L2", 35),
    Entry("report2_mlp", "report 2: the MLP", 50),
    Entry("report2_claims", "report 2: stopping rules; dropout with wider layers", 55),
    Entry("report1_claims_mlp", "report 1: dropout 0.5, learning rates", 45),
    Entry("report1_claims_network", "report 1: pooling, initialisers, kernels; small networks", 55),
    Entry(
        "report4_claims_backbone", "report 4: strides, kernel mixes, combined; small networks", 40
    ),
    Entry("report1_table1", "report 1, table 1: the scratch MLP", 60),
    Entry("report1_choices", "report 1: what it leaves open of table 1", 120, 1),
    Entry("smallest_network", "the smallest network over 90 %", 150, 3),
    Entry("report3_lenet", "report 3, table 3: LeNet, batch sizes, softmax twice", 120),
    Entry("report3_choices", "report 3: what it leaves open of table 3", 150, 1),
    Entry("report1_table2_choices", "report 1: what it leaves open of table 2", 150, 1),
    Entry("report1_tuned_choices", "report 1: the pipeline, tuned on validation", 150, 1),
    Entry("report1_tuned", "report 1: the tuned pipeline, tested", 900),
    Entry("report2_choices", "report 2: what it leaves open of its CNN", 360, 1),
    Entry("report2_cnn", "report 2: the CNN", 480),
    Entry("report1_kernels", "report 1: kernels of 2x2, 3x3 and 5x5", 240),
    Entry("report1_table2", "report 1, table 2: five convolutions, the MLP on their features", 180),
    Entry("report4_backbone", "report 4: the backbone, alone and combined", 900),
)
"""The cheap ones first."""

PROGRAMS = {
    "report2_program": "restores report 2's two networks and writes what they predict",
    "report3_program": "report 3's output text, loss curve and captioned pictures",
}
"""What the reports' own main programs leave, by module."""


def results_folder(quick: bool) -> Path:
    """Where results are, or those that `--quick` made."""
    return QUICK_RESULTS if quick else RESULTS


def plan(entry: Entry, quick: bool) -> tuple[RowPlan, ...]:
    """Each row of an experiment with the seeds that it deserves; of a quick study one each."""
    store = Store(entry.experiment, results_folder(quick), checksums.CHECKSUM)
    stored = store.read()
    return tuple(
        _row_plan(entry, row, stored.get(row.name, {"runs": {}}), store, quick)
        for row in entry.experiment.rows
    )


def _row_plan(
    entry: Entry, row: Row, stored: Mapping[str, Any], store: Store, quick: bool
) -> RowPlan:
    runs = stored["runs"]
    # The fastest: others have waited for their neighbours on the machine.
    seconds = min((run["seconds"] for run in runs.values()), default=entry.seconds)
    wanted = 1 if quick else min(entry.most_seeds, seeds_for(seconds))
    # A quick run's images may be any; for the others all seeds' configurations count as one.
    counting = runs if quick else store.alike(stored, configure(row, 0, Options()))
    found = sum(str(seed) in counting for seed in range(wanted))
    return RowPlan(entry, row, found, wanted, seconds, bool(runs))


def seeds_for(seconds: float) -> int:
    """How many seeds a row deserves of which a run takes so long, on the device at hand."""
    least = 1 if jax.default_backend() == "cpu" else 3
    return next((seeds for limit, seeds in SEEDS if seconds < limit), least)
