"""Runs an experiment: every row with every seed, each run stored when it ends."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
from attrs import evolve, field, fields, frozen
from rich.console import Console

from experiments.engine.command import PROGRAM
from experiments.engine.configuration import configuration_of, seed_of
from experiments.engine.figures import figure
from experiments.engine.measure import measure
from experiments.engine.spec import Experiment, Row
from experiments.engine.store import Store, results_folder
from experiments.engine.tables import results_table
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import listening
from fmnist_jax.data.dataset import Dataset, ReleaseName, Split
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import DivergedError, UserError
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.lock import RunLockedError, lock
from fmnist_jax.storage.files import writing
from fmnist_jax.training.checkpointing import TrainingCheckpoints

MAX_CACHED_RUNS = 16
"""Runs after which compiled programs are dropped: each configuration's take 30 to 45 MiB."""

QUICK_IMAGES, QUICK_EPOCHS = 2000, 2
"""`--quick` uses so many images of each split, for so many epochs."""

StopRequested = Callable[[], BaseException | None]
"""Returns what to raise when the epoch is saved, or None to continue."""


def never_stop() -> None:
    """Continue."""


@frozen
class Options:
    """Run an experiment; runs that are stored already are skipped."""

    seeds: int = 3
    """Runs of each row, with the seeds 0, 1, 2, ..."""
    quick: bool = False
    """A few images and epochs, in seconds, to check that everything works; stored under runs/quick."""
    rows: tuple[str, ...] = ()
    """Only rows of these names, or whose name contains one, so that processes can share the work."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""

    def __attrs_post_init__(self) -> None:
        """Refuse options that would run nothing."""
        if self.seeds < 1:
            raise UserError(f"seeds must be at least 1, found {self.seeds}")


@frozen
class Batch:
    """What all runs of one call of `run` share."""

    store: Store
    load: Callable[[DataConfig], Dataset]
    """Returns the images of a row: all rows read the same files, but each may split them in its own way."""
    options: Options
    log: Callable[[str], None]
    stop_requested: StopRequested = never_stop


def main(experiment: Experiment, words: Sequence[str]) -> None:
    """Run the experiment with the options that `words` give, and print its table."""
    options = parse(Options, f"{PROGRAM} {experiment.name}", words, {})
    console = Console(highlight=False, soft_wrap=True)
    with listening(console.print, sys.stdout.flush) as interruption:
        stored = run(experiment, options, console.print, interruption.stop_requested)
    console.print(f"\n{experiment.title}: measured, mean ± standard deviation (reported)\n")
    console.print(results_table(experiment, stored), markup=False)


def run(
    experiment: Experiment,
    options: Options,
    log: Callable[[str], None],
    stop_requested: StopRequested = never_stop,
) -> dict[str, Any]:
    """Run what isn't stored yet, storing each run when it ends; returns everything stored.

    Rows of the same configuration, of any experiment, are run once. A run that was stopped resumes from
    its last saved epoch; one that another process is running is left to it. Raises UserError for rows
    that the experiment doesn't have, for data that isn't available, and, after all others, for failed
    runs.
    """
    check_rows(experiment, options.rows)
    load = _loader(options.quick, log)
    dataset = load(options.data)
    if dataset.release == "other" and not options.quick:
        raise UserError(
            f"{dataset.source}: results are stored for Fashion-MNIST in its original order only; use "
            "--quick"
        )
    store = Store(experiment, results_folder(options.quick, dataset.release), dataset.checksum)
    options = evolve(options, data=with_release(options.data, dataset.release))
    batch = Batch(store, load, options, log, stop_requested)
    failed: list[str] = []
    for number, (row, seed) in enumerate(planned(experiment, options), 1):
        if number % MAX_CACHED_RUNS == 0:
            jax.clear_caches()
        failed += _run_seed(batch, row, seed)
    if failed:
        raise UserError(f"not finished, for the reasons above: {'; '.join(failed)}")
    return store.read()


def _run_seed(batch: Batch, row: Row, seed: int) -> list[str]:
    """Run and store one seed of a row unless it is stored; return the run's name if it failed."""
    store, log = batch.store, batch.log
    run = configure(row, seed, batch.options)
    name = f"{store.experiment.name}: {row.name}, seed {seed}"
    if store.has(row, run):
        forget(store, run)
        log(f"{name}: stored already")
        return []
    try:
        with unfinished(store, run) as (folder, key):
            if store.has(row, run):  # another process finished it meanwhile
                return []
            checkpoints = {
                stage.name: TrainingCheckpoints(
                    folder / stage.name, f"{key} {stage.name}", log, batch.stop_requested
                )
                for stage in run.stages
            }
            measured = store.equal(run)
            if measured is None:
                measured = measure(run, batch.load(run.data), store.experiment.splits, checkpoints)
            store.add(row, run, measured)
    except RunLockedError:
        log(f"{name}: another process is running it")
        return []
    except DivergedError as error:
        log(f"{name}: {error}")
        store.add_failed(row, run, str(error))
        return [name]
    except UserError as error:
        log(f"{name}: {error}")
        return [name]
    columns = store.experiment.columns
    figures = ", ".join(f"{column} {figure(measured, column):.4g}" for column in columns)
    log(f"{name}: {figures} ({measured['seconds']:.0f} s)")
    return []


@contextmanager
def unfinished(store: Store, run: Run) -> Iterator[tuple[Path, str]]:
    """Lock the folder of the run's training checkpoints until the run is stored; yields (folder, key).

    After an error the checkpoints stay, so that the run resumes. Raises RunLockedError if another process
    has the lock, and UserError if the folder can't be written.
    """
    folder, key = _folder_and_key(store, run)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        yield folder, key
        forget(store, run)


def forget(store: Store, run: Run) -> None:
    """Remove the training checkpoints of a run that is stored."""
    shutil.rmtree(_folder_and_key(store, run)[0], ignore_errors=True)


def _folder_and_key(store: Store, run: Run) -> tuple[Path, str]:
    """The folder of the run's training checkpoints, and the key of everything that these depend on."""
    parts = [configuration_of(run), seed_of(run), store.data_checksum, jax.__version__]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    name = store.experiment.name.replace("/", "-")
    return store.folder / ".unfinished" / f"{name}-{key[:16]}", key


def check_rows(experiment: Experiment, parts: Sequence[str]) -> None:
    """Raise UserError for a part of a row's name that no row has."""
    names = [row.name for row in experiment.rows]
    for part in parts:
        if not any(part in name for name in names):
            raise UserError(
                f"rows: no row of {experiment.name} has {part!r} in its name; the rows are "
                + "; ".join(names)
            )


def planned(experiment: Experiment, options: Options) -> Iterator[tuple[Row, int]]:
    """Every requested (row, seed), all rows of one seed before the next seed."""
    names = [row.name for row in experiment.rows]
    # A complete name means this row alone, even if other names contain it.
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
    """The row's run with this seed; the split of the data is the row's, the same for all seeds."""
    return on_images(row.run, options.data, options.quick).with_training(seed=seed)


def on_images(run: Run, data: DataConfig, quick: bool) -> Run:
    """The run on these images; with `quick`, two epochs of it.

    What the run itself sets of its data, such as a split seed, stays.
    """
    own = {
        one.name: getattr(run.data, one.name)
        for one in fields(DataConfig)
        if getattr(run.data, one.name) != one.default
    }
    run = evolve(run, data=evolve(data, **own))
    return run.with_training(epochs=QUICK_EPOCHS) if quick else run


def with_release(data: DataConfig, found: ReleaseName) -> DataConfig:
    """`data` as rows have it: "early" if these images were found, else "any", requested or not."""
    return evolve(data, release="early" if found == "early" else "any")


def _loader(quick: bool, log: Callable[[str], None]) -> Callable[[DataConfig], Dataset]:
    """A function that loads a data set and keeps the last one; with `quick`, its first images."""

    @lru_cache(maxsize=1)
    def load(data: DataConfig) -> Dataset:
        dataset = load_dataset(data, log)
        return _cut(dataset) if quick else dataset

    return load


def _cut(dataset: Dataset) -> Dataset:
    """The first images of every split."""
    splits = {
        name: Split(*(values[:QUICK_IMAGES] for values in split))
        for name, split in dataset.splits.items()
    }
    positions = {name: these[:QUICK_IMAGES] for name, these in dataset.positions.items()}
    return evolve(dataset, **splits, positions=positions)
