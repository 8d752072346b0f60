"""How every experiment is run: rows over seeds, each run stored as it ends, reported beside measured."""

import dataclasses
import hashlib
import io
import json
import shlex
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.measurement import Run, measure, seed_of, with_trainings
from experiments.store import Experiment, Row, Store, configuration_of
from fmnist_jax import parts
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import Stopped, listening
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import DivergedError, UserError
from fmnist_jax.files import writing
from fmnist_jax.run_claims import HeldError, held
from fmnist_jax.training.snapshots import Snapshots, never

REPORTED: dict[str, Any] = json.loads(Path(__file__).with_name("reported.json").read_text("utf-8"))
"""Every figure of the four reports; accuracies in percent."""

RESULTS = Path(__file__).with_name("results")
"""Where results are kept, a JSON file an experiment."""

WIDTH = 400
"""Characters that a table may take; rich would fold its columns to the terminal's."""

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


def main(experiment: Experiment) -> None:
    """Run the experiment as the command line says and print its table; exits with 2 on UserError."""
    console = Console(highlight=False, soft_wrap=True)
    program = f"python -m experiments.{experiment.name}"
    try:
        options = parse(Options, program, None, {})
        with listening(console.print, sys.stdout.flush) as interruption:
            stored = run(experiment, options, console.print, interruption.asked)
    except UserError as error:
        print(f"experiments.{experiment.name}: {error}", file=sys.stderr)
        sys.exit(2)
    except Stopped as stopped:
        again = f"{program} {shlex.join(sys.argv[1:])}"
        print(f"Stopped. To go on, give the same command again: {again}", file=sys.stderr)
        sys.exit(stopped.exit_code)
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
    has it. Raises UserError for rows that the experiment doesn't have, for data that can't be had,
    and, after all others, for runs that couldn't be finished.
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
    for number, (row, seed) in enumerate(plan, 1):
        if number % CACHED_RUNS == 0:
            jax.clear_caches()
        configured = configure(row, seed, options)
        name = f"{experiment.name}: {row.name}, seed {seed}"
        if store.has(row, configured):
            forget(store, configured)
            log(f"{name}: stored already")
            continue
        try:
            with begun(store, configured, log, asked) as snapshots:
                if store.has(row, configured):  # by now
                    continue
                measured = store.equal(configured)
                if measured is None:
                    measured = measure(configured, dataset, experiment.splits, snapshots)
                store.add(row, configured, measured)
        except HeldError:
            log(f"{name}: another process is at it")
            continue
        except UserError as error:
            if isinstance(error, DivergedError):
                store.add_failed(row, configured, str(error))
            log(f"{name}: {error}")
            failed.append(name)
            continue
        figures = ", ".join(f"{column} {measured[column]:.4g}" for column in experiment.columns)
        log(f"{name}: {figures} ({measured['seconds']:.0f} s)")
    if failed:
        raise UserError(f"not finished, for the reasons above: {'; '.join(failed)}")
    return store.read()


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


def planned(experiment: Experiment, options: Options) -> Iterator[tuple[Row, int]]:
    """Every (row, seed) asked for, all rows of one seed before the next seed."""
    names = [row.name for row in experiment.rows]
    for part in options.rows:
        if not any(part in name for name in names):
            raise UserError(
                f"rows: no row of {experiment.name} has {part!r} in its name: they are "
                + "; ".join(names)
            )
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


def _cut(dataset: Dataset) -> Dataset:
    splits = {
        name: Split(*(values[:QUICK_IMAGES] for values in getattr(dataset, name)))
        for name in ("train", "validation", "test")
    }
    return dataclasses.replace(dataset, **splits)
