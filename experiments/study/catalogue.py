"""Every experiment and program: found in the packages, so that a new module is enough.

A module below `experiments.reports` or `experiments.beyond` with an `EXPERIMENT` is an experiment, one with
a `PROGRAM` is a report's own main program.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
from attrs import frozen

from experiments import beyond, reports
from experiments.engine.command import run_program
from experiments.engine.runner import Job, Options, configure, open_store, with_release
from experiments.engine.runner import main as run_experiment
from experiments.engine.spec import Experiment, Program, Row, name_of_module
from experiments.engine.store import Store, results_folder
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import unknown_name

PACKAGES = (reports, beyond)
"""Packages that hold experiments."""

KINDS: Mapping[str, Callable[[Any, Sequence[str]], None]] = {
    "EXPERIMENT": run_experiment,
    "PROGRAM": run_program,
}
"""What runs a module, by what it defines."""

SEEDS = ((60.0, 5), (600.0, 3))
"""A run that takes less than so many seconds gets so many seeds; a longer one three, on a CPU one."""


def module_names(packages: Iterable[ModuleType] = PACKAGES) -> Iterator[str]:
    """Every module below these packages, without importing it."""
    for package in packages:
        for folder in package.__path__:
            for file in sorted(Path(folder).rglob("*.py")):
                parts = file.relative_to(folder).with_suffix("").parts
                if parts[-1] != "__init__":
                    yield ".".join((package.__name__, *parts))


@cache
def experiments() -> tuple[Experiment, ...]:
    """Every experiment, by package; in each those with reported figures come first."""
    found: tuple[Experiment, ...] = _all("EXPERIMENT")
    groups = list(dict.fromkeys(one.group for one in found))
    return tuple(
        sorted(
            found,
            key=lambda one: (groups.index(one.group), not any(row.reported for row in one.rows)),
        )
    )


@cache
def programs() -> tuple[Program, ...]:
    """Every report's own program."""
    return _all("PROGRAM")


def find_command(name: str, commands: Iterable[str] = ()) -> Callable[[Sequence[str]], None]:
    """What runs the experiment or program of that name, given the words after it.

    Only its module is imported. Raises UserError, with the known names and `commands`, if there is none.
    """
    for module in module_names():
        if name_of_module(module) == name:
            defined = vars(import_module(module))
            for attribute, run in KINDS.items():
                if attribute in defined:
                    return partial(run, defined[attribute])
    known = [one.name for one in (*experiments(), *programs())]
    raise unknown_name("experiment or command", name, [*known, *commands])


def _all(attribute: str) -> tuple[Any, ...]:
    """What the modules define by that name."""
    modules = map(import_module, module_names())
    return tuple(vars(module)[attribute] for module in modules if attribute in vars(module))


@frozen
class RowPlan:
    """A row of the study, and how much of it is done."""

    store: Store
    row: Row
    options: Options
    wanted: int
    """Seeds that the row gets: 0, 1, 2, ..."""
    missing: tuple[int, ...]
    """Seeds of these that aren't stored."""
    seconds: float
    """Of one run."""
    measured: bool
    """Whether `seconds` is a stored run's; else it is the estimate."""

    @property
    def name(self) -> str:
        """The row, with its experiment."""
        return f"{self.store.experiment.name}: {self.row.name}"

    def job(self, seed: int) -> Job:
        """The run with this seed."""
        return Job(self.store, self.row, configure(self.row, seed, self.options))

    @property
    def stored(self) -> int:
        """How many of the wanted seeds are stored."""
        return self.wanted - len(self.missing)

    @property
    def all_seconds(self) -> float:
        """Time of all its seeds."""
        return self.seconds * self.wanted

    @property
    def missing_seconds(self) -> float:
        """Time of the seeds that are still to be run."""
        return self.seconds * len(self.missing)


def plan(
    experiment: Experiment,
    quick: bool,
    images: Dataset | None = None,
    data: DataConfig = DataConfig(),  # noqa: B008
) -> tuple[RowPlan, ...]:
    """Each row of an experiment with the number of seeds it gets; one in a quick study.

    Stored runs count if they used `images`, which `data` names, by default the official release.
    """
    if images is None:
        store = Store(experiment, results_folder(quick), checksums.CHECKSUM)
    else:
        store = open_store(experiment, quick, images)
    release = "official" if images is None else images.release
    options = Options(quick=quick, data=with_release(data, release))
    stored = store.read()
    return tuple(
        _row_plan(store, row, stored.get(row.name, {}), options) for row in experiment.rows
    )


def _row_plan(store: Store, row: Row, stored: Mapping[str, Any], options: Options) -> RowPlan:
    experiment, runs = store.experiment, stored.get("runs", {})
    # The fastest: others had to share the machine.
    seconds = min((run["seconds"] for run in runs.values()), default=experiment.seconds)
    wanted = 1 if options.quick else min(experiment.most_seeds, seeds_for(seconds))
    # A quick run may use any images; of the others the configuration of one seed stands for all.
    counting = runs if options.quick else store.runs_like(stored, configure(row, 0, options))
    missing = tuple(seed for seed in range(wanted) if seed not in counting)
    return RowPlan(store, row, options, wanted, missing, seconds, bool(runs))


def seeds_for(seconds: float) -> int:
    """Number of seeds of a row by the time of a run, on the current device."""
    least = 1 if jax.default_backend() == "cpu" else 3
    return next((seeds for limit, seeds in SEEDS if seconds < limit), least)
