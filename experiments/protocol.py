"""How every experiment is run: rows over seeds, each run stored as it ends, reported beside measured."""

import dataclasses
import io
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.measurement import Run, measure, seed_of, trainings, with_trainings
from fmnist_jax import runs
from fmnist_jax.cli.arguments import parse
from fmnist_jax.configuration import encode
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.files import write_json

REPORTED: dict[str, Any] = json.loads(Path(__file__).with_name("reported.json").read_text("utf-8"))
"""Every figure of the four reports; accuracies in percent."""

RESULTS = Path(__file__).with_name("results")
"""Where results are kept, a JSON file an experiment."""

WIDTH = 400
"""Characters that a table may take; rich would fold its columns to the terminal's."""

QUICK_IMAGES, QUICK_EPOCHS = 2000, 2
"""What `--quick` cuts each split and run down to."""


SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Row:
    """A line of a table: one configuration, run with several seeds."""

    name: str
    run: Run
    reported: Mapping[str, float] = field(default_factory=dict)
    """What the report says of it, by the names of `measure`; accuracies in percent."""


@dataclass(frozen=True)
class Experiment:
    """A table: rows with what was reported, and what is measured beside it."""

    name: str
    """The module's own name; the results' too."""
    title: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    """Names of `measure` that the table shows."""
    splits: tuple[str, ...] = SPLITS
    """Splits the trained network is measured on; without "test" where choices are made."""


@dataclass(frozen=True)
class Options:
    """Run an experiment; what is stored already isn't run again."""

    seeds: int = 3
    """Runs of each row, with the seeds 0, 1, 2, ..."""
    quick: bool = False
    """A few images and epochs, in seconds, to see that all is in order; stored under runs/quick."""
    rows: tuple[str, ...] = ()
    """Only rows whose name contains one of these, so that several processes can share the work."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse what would run nothing."""
        if self.seeds < 1:
            raise UserError(f"seeds must be at least 1, found {self.seeds}")


def main(experiment: Experiment) -> None:
    """Run the experiment as the command line says and print its table; exits with 2 on UserError."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        program = f"python -m experiments.{experiment.name}"
        options = parse(Options, program, None, {})
        stored = run(experiment, options, console.print)
    except UserError as error:
        print(f"experiments.{experiment.name}: {error}", file=sys.stderr)
        sys.exit(2)
    console.print(f"\n{experiment.title}: measured, mean ± standard deviation (reported)\n")
    console.print(table(experiment, stored), markup=False)


def run(experiment: Experiment, options: Options, log: Callable[[str], None]) -> dict[str, Any]:
    """Run what isn't stored yet, storing each run as it ends; returns all that is stored.

    Rows of the same configuration, of any experiment, are run once. Raises UserError for rows that
    the experiment doesn't have, for data that can't be had, and, after all others, for runs that
    couldn't be finished.
    """
    plan = list(planned(experiment, options))
    dataset = load_dataset(options.data, log)
    if options.quick:
        dataset = _cut(dataset)
    elif dataset.checksum != checksums.CHECKSUM:
        raise UserError(
            f"{dataset.source}: results are kept for Fashion-MNIST in its own order alone; use --quick"
        )
    store = Store(experiment, Path("runs/quick") if options.quick else RESULTS, dataset.checksum)
    failed: list[str] = []
    for row, seed in plan:
        configured = configure(row, seed, options)
        name = f"{experiment.name}: {row.name}, seed {seed}"
        if store.has(row, configured):
            log(f"{name}: stored already")
            continue
        measured = store.equal(configured)
        if measured is None:
            try:
                measured = measure(configured, dataset, experiment.splits)
            except UserError as error:
                log(f"{name}: {error}")
                failed.append(name)
                continue
        store.add(row, configured, measured)
        figures = ", ".join(f"{column} {measured[column]:.4g}" for column in experiment.columns)
        log(f"{name}: {figures} ({measured['seconds']:.0f} s)")
    if failed:
        raise UserError(f"not finished, for the reasons above: {'; '.join(failed)}")
    return store.read()


def planned(experiment: Experiment, options: Options) -> Iterator[tuple[Row, int]]:
    """Every (row, seed) asked for, all rows of one seed before the next seed."""
    for part in options.rows:
        if not any(part in row.name for row in experiment.rows):
            raise UserError(
                f"rows: no row of {experiment.name} has {part!r} in its name: they are "
                + "; ".join(row.name for row in experiment.rows)
            )
    for seed in range(options.seeds):
        for row in experiment.rows:
            if not options.rows or any(part in row.name for part in options.rows):
                yield row, seed


def configure(row: Row, seed: int, options: Options) -> Run:
    """The row's configuration with this seed; the split of the data stays the same for all seeds."""
    run = dataclasses.replace(row.run, data=options.data)
    return with_trainings(run, seed=seed, **({"epochs": QUICK_EPOCHS} if options.quick else {}))


def table(experiment: Experiment, stored: Mapping[str, Any]) -> str:
    """Measured (reported), mean and standard deviation over seeds, a line a row, as Markdown."""
    lines = Table("", *(name.replace("_", " ") for name in experiment.columns), "seeds")
    lines.box = box.MARKDOWN
    for row in experiment.rows:
        measured = list(stored.get(row.name, {}).get("runs", {}).values())
        cells = []
        for column in experiment.columns:
            reported = row.reported.get(column)
            beside = "" if reported is None else f" ({reported:g})"
            cells.append(summary([one[column] for one in measured]) + beside)
        lines.add_row(row.name, *cells, str(len(measured)))
    console = Console(file=io.StringIO(), width=WIDTH)
    with console.capture() as capture:
        console.print(lines)
    return "\n".join(line.rstrip() for line in capture.get().strip().splitlines())


def summary(values: list[float]) -> str:
    """Mean and standard deviation (of a sample, n - 1) as the tables write them."""
    if not values:
        return "not run"
    mean = statistics.fmean(values)
    digits = 2 if abs(mean) >= 2 else 4
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


@dataclass(frozen=True)
class Store:
    """An experiment's results in one JSON file; several processes may add to it at once."""

    experiment: Experiment
    folder: Path
    data_checksum: str
    """Of the images that the runs are about; others' runs don't count."""

    @cached_property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.experiment.name}.json"

    def read(self) -> dict[str, Any]:
        """What is stored: by row its configuration, reported figures and runs by seed."""
        if not self.path.exists():
            return {}
        return json.loads(self.path.read_text("utf-8"))["rows"]

    def has(self, row: Row, run: Run) -> bool:
        """Whether the row is stored with this very configuration, seed and data."""
        return str(seed_of(run)) in self._runs_like(row, run)

    def add(self, row: Row, run: Run, measured: Mapping[str, Any]) -> None:
        """Store one run; the row's runs of another configuration or other data are forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            rows = self.read()
            rows[row.name] = {
                "configuration": _without_circumstances(run),
                "reported": dict(row.reported),
                "runs": self._runs_like(row, run) | {str(seed_of(run)): dict(measured)},
            }
            order = [row.name for row in self.experiment.rows]
            rows = {name: rows[name] for name in order if name in rows}
            write_json(self.path, {"title": self.experiment.title, "rows": rows})

    def equal(self, run: Run) -> dict[str, Any] | None:
        """What some experiment's row measured of this very run, if it has all that is asked for."""
        for path in sorted(self.folder.glob("*.json")):
            for stored in json.loads(path.read_text("utf-8")).get("rows", {}).values():
                measured = self._alike(stored, run).get(str(seed_of(run)), {})
                if measured.keys() >= set(self.experiment.columns):
                    return without_splits(measured, kept=self.experiment.splits)
        return None

    def _runs_like(self, row: Row, run: Run) -> dict[str, Any]:
        """The stored runs of the row, by seed, that were made as `run` would be."""
        return self._alike(self.read().get(row.name, {}), run)

    def _alike(self, stored: Mapping[str, Any], run: Run) -> dict[str, Any]:
        """Of a row as it is stored, the runs by seed that were made as `run` would be."""
        if stored.get("configuration") != _without_circumstances(run):
            return {}
        return {
            seed: measured
            for seed, measured in stored["runs"].items()
            if measured["data_checksum"] == self.data_checksum
        }


def without_splits(measured: Mapping[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    """The figures of a run without those of splits that aren't `kept`: no choice sees the test split."""
    others = tuple(f"{split}_" for split in SPLITS if split not in kept)
    return {
        name: value
        for name, value in measured.items()
        if not name.removeprefix("cnn_").removeprefix("mlp_").startswith(others)
    }


def _without_circumstances(run: Run) -> dict[str, Any]:
    """The configuration without what differs from seed to seed or from machine to machine."""
    configuration = encode(run, runs.NAMES)
    for name in trainings(run):
        del configuration[name]["seed"]
    for name in ("source", "data_dir"):
        del configuration["data"][name]
    return configuration


def _cut(dataset: Dataset) -> Dataset:
    splits = {
        name: Split(*(values[:QUICK_IMAGES] for values in getattr(dataset, name)))
        for name in ("train", "validation", "test")
    }
    return dataclasses.replace(dataset, **splits)
