"""How every experiment is run: rows over seeds, each run stored as it ends, reported beside measured."""

import dataclasses
import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

from experiments.engine import command, tables
from experiments.engine.measure import RunT, measure, seed_of, with_trainings
from experiments.engine.store import Experiment, Row, Store, configuration_of
from fmnist_jax.cli.interruption import listening
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import DivergedError, UserError
from fmnist_jax.runs import parts
from fmnist_jax.runs.lock import HeldError, held
from fmnist_jax.runs.parts import Run
from fmnist_jax.storage.files import writing
from fmnist_jax.training.checkpointing import Snapshots, never

REPORTED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "reports/reported.json").read_text("utf-8")
)
"""Every figure of the four reports; accuracies in percent."""

RESULTS = Path(__file__).parents[1] / "results"
"""Where results are kept, a JSON file an experiment."""

CACHED_RUNS = 16
"""Runs after which compiled programs are dropped: each configuration's take 30 to 45 MiB."""

QUICK_IMAGES, QUICK_EPOCHS = 2000, 2
"""What `--quick` cuts each split and run down to."""


@dataclass(frozen=True)
class Options:
    """Run an experiment; what is stored already isn't run again."""

    seeds: int = 3
    """Runs of each row, with the seeds 0, 1, 2, ..."""
    quick: bool = False
    """A few images and epochs, in seconds, to see that all is in order; stored under runs/quick."""
    rows: tuple[str, ...] = ()
    """Only rows of these names, or whose name contains one, so that processes can share the work."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse what would run nothing."""
        if self.seeds < 1:
            raise UserError(f"seeds must be at least 1, found {self.seeds}")


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run the experiment as the words say, and print its table; ends as `command.perform` does."""
    command.perform(experiment.name, Options, partial(_run_and_print, experiment), {}, arguments)


def _run_and_print(experiment: Experiment, options: Options) -> None:
    console = Console(highlight=False, soft_wrap=True)
    with listening(console.print, sys.stdout.flush) as interruption:
        stored = run(experiment, options, console.print, interruption.asked)
    console.print(f"\n{experiment.title}: measured, mean ± standard deviation (reported)\n")
    console.print(table(experiment, stored), markup=False)


def run(
    experiment: Experiment,
    options: Options,
    log: Callable[[str], None],
    asked: Callable[[], BaseException | None] = never,
) -> dict[str, Any]:
    """Run what isn't stored yet, storing each run as it ends; returns all that is stored.

    Rows of the same configuration, of any experiment, are run once. A run that was cut short goes on
    from its last saved epoch; one that another process is at is left to it. `asked` is as `Snapshots`
    has it. Raises UserError for rows that the experiment
    doesn't have, for data that can't be had, and, after all others, for runs that couldn't be finished.
    """
    check_rows(experiment, options.rows)
    dataset = load_dataset(options.data, log)
    if options.quick:
        dataset = _cut(dataset)
    elif dataset.checksum != checksums.CHECKSUM:
        raise UserError(
            f"{dataset.source}: results are kept for Fashion-MNIST in its own order alone; use --quick"
        )
    store = Store(experiment, Path("runs/quick") if options.quick else RESULTS, dataset.checksum)
    failed: list[str] = []
    for number, (row, seed) in enumerate(planned(experiment, options), 1):
        if number % CACHED_RUNS == 0:
            jax.clear_caches()
        failed += _run_seed(store, row, seed, options, dataset, log, asked)
    if failed:
        raise UserError(f"not finished, for the reasons above: {'; '.join(failed)}")
    return store.read()


def _run_seed(
    store: Store,
    row: Row,
    seed: int,
    options: Options,
    dataset: Dataset,
    log: Callable[[str], None],
    asked: Callable[[], BaseException | None],
) -> list[str]:
    """Run and store one seed of a row unless it is stored; the run's name where it failed."""
    run = configure(row, seed, options)
    name = f"{store.experiment.name}: {row.name}, seed {seed}"
    if store.has(row, run):
        forget(store, run)
        log(f"{name}: stored already")
        return []
    try:
        with begun(store, run, log, asked) as snapshots:
            if store.has(row, run):  # by now
                return []
            measured = store.equal(run)
            if measured is None:
                measured = measure(run, dataset, store.experiment.splits, snapshots)
            store.add(row, run, measured)
    except HeldError:
        log(f"{name}: another process is at it")
        return []
    except UserError as error:
        log(f"{name}: {error}")
        if isinstance(error, DivergedError):
            store.add_failed(row, run, str(error))
        return [name]
    figures = ", ".join(f"{column} {measured[column]:.4g}" for column in store.experiment.columns)
    log(f"{name}: {figures} ({measured['seconds']:.0f} s)")
    return []


@contextmanager
def begun(
    store: "Store",
    run: Run,
    log: Callable[[str], None],
    asked: Callable[[], BaseException | None] = never,
) -> Iterator[dict[str, Snapshots]]:
    """Where the states of `run`'s trainings are kept until it is stored, by part; this process's alone.

    Raises HeldError where another process holds them, and UserError where they can't be kept.
    """
    folder, key = _unfinished(store, run)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        yield {
            part: Snapshots(folder / parts.titled("state", part), f"{key} {part}", log, asked)
            for part in parts.trainings(run)
        }
        # Reached where the run is stored; after an error the states stay.
        forget(store, run)


def forget(store: "Store", run: Run) -> None:
    """Remove what a run that is stored would have gone on from."""
    shutil.rmtree(_unfinished(store, run)[0], ignore_errors=True)


def _unfinished(store: "Store", run: Run) -> tuple[Path, str]:
    """The folder of the run's states, and the key of all that these depend on."""
    told = [configuration_of(run), seed_of(run), store.data_checksum, jax.__version__]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return store.folder / ".unfinished" / f"{store.experiment.name}-{key[:16]}", key


def check_rows(experiment: Experiment, parts: Sequence[str]) -> None:
    """Raise UserError for a part of a row's name that no row has."""
    names = [row.name for row in experiment.rows]
    for part in parts:
        if not any(part in name for name in names):
            raise UserError(
                f"rows: no row of {experiment.name} has {part!r} in its name: they are "
                + "; ".join(names)
            )


def planned(experiment: Experiment, options: Options) -> Iterator[tuple[Row, int]]:
    """Every (row, seed) asked for, all rows of one seed before the next seed."""
    names = [row.name for row in experiment.rows]
    # A whole name means its row alone, though others contain it.
    chosen = {
        name
        for part in options.rows
        for name in ([part] if part in names else names)
        if part in name
    }
    for seed in range(options.seeds):
        for row in experiment.rows:
            if not options.rows or row.name in chosen:
                yield row, seed


def configure(row: Row, seed: int, options: Options) -> Run:
    """The row's configuration with this seed; the split of the data stays the same for all seeds."""
    return with_trainings(on_images(row.run, options.data, options.quick), seed=seed)


def on_images(run: RunT, data: DataConfig, quick: bool) -> RunT:
    """The run on these images; of a quick one two epochs."""
    run = dataclasses.replace(run, data=data)
    return with_trainings(run, epochs=QUICK_EPOCHS) if quick else run


def table(experiment: Experiment, stored: Mapping[str, Any]) -> str:
    """Measured (reported), mean and standard deviation over seeds, a line a row, as Markdown."""
    lines = Table("", *(name.replace("_", " ") for name in experiment.columns), "seeds")
    for row in experiment.rows:
        measured = list(stored.get(row.name, {}).get("runs", {}).values())
        cells = []
        for column in experiment.columns:
            reported = row.reported.get(column)
            beside = "" if reported is None else f" ({reported:g})"
            cells.append(summary([one[column] for one in measured]) + beside)
        lines.add_row(row.name, *cells, str(len(measured)))
    return tables.markdown(lines)


def summary(values: list[float]) -> str:
    """Mean and standard deviation (of a sample, n - 1) as the tables write them."""
    if not values:
        return "not run"
    mean = statistics.fmean(values)
    spread = f" ± {tables.number(statistics.stdev(values), like=mean)}" if len(values) > 1 else ""
    return tables.number(mean) + spread


def _cut(dataset: Dataset) -> Dataset:
    splits = {
        name: Split(*(values[:QUICK_IMAGES] for values in getattr(dataset, name)))
        for name in ("train", "validation", "test")
    }
    return dataclasses.replace(dataset, **splits)
