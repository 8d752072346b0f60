"""Runs an experiment: every row with every seed, each run stored when it ends."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import jax
from attrs import evolve, field, fields, frozen
from rich.console import Console

from experiments.engine.command import PROGRAM
from experiments.engine.configuration import NAMES, configuration_of, seed_of
from experiments.engine.figures import figure
from experiments.engine.measure import measure
from experiments.engine.spec import Experiment, Row
from experiments.engine.store import Store, results_folder
from experiments.engine.tables import results_table
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import listening
from fmnist_jax.config.codec import decode, encode
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

_runs = count(1)
"""Numbers this process's runs."""

Log = Callable[[str], None]

LoadImages = Callable[[DataConfig], Dataset]
"""Returns the images of a row: all rows read the same files, but each may split them in its own way."""

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
class Task:
    """One training as plain data, which can be sent to another process or machine."""

    name: str
    """Of the experiment, the row and the seed."""
    run: Mapping[str, Any]
    """The encoded configuration: a configuration holds functions that can't be pickled."""
    splits: tuple[str, ...]
    """To measure."""
    folder: Path
    """Of the training checkpoints."""
    key: str
    """Of everything that these depend on."""


@frozen
class Job:
    """One seed of one row, to be run and stored."""

    store: Store
    row: Row
    run: Run

    @property
    def task(self) -> Task:
        """What trains it."""
        store, seed = self.store, seed_of(self.run)
        parts = [configuration_of(self.run), seed, store.data_checksum, jax.__version__]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        experiment = store.experiment
        folder = store.folder / ".unfinished" / f"{experiment.name.replace('/', '-')}-{key[:16]}"
        name = f"{experiment.name}: {self.row.name}, seed {seed}"
        return Task(name, encode(self.run, NAMES), experiment.splits, folder.absolute(), key)


def main(experiment: Experiment, words: Sequence[str]) -> None:
    """Run the experiment with the options that `words` give, and print its table."""
    options = parse(Options, f"{PROGRAM} {experiment.name}", words, {})
    console = Console(highlight=False, soft_wrap=True)
    with listening(console.print, sys.stdout.flush) as interruption:
        stored = run(experiment, options, console.print, interruption.stop_requested)
    console.print(f"\n{experiment.title}: measured, mean ± standard deviation (reported)\n")
    console.print(results_table(experiment, stored), markup=False)


def run(
    experiment: Experiment, options: Options, log: Log, stop_requested: StopRequested = never_stop
) -> dict[str, Any]:
    """Run what isn't stored yet, storing each run when it ends; returns everything stored.

    Rows of the same configuration, of any experiment, are run once. A run that was stopped resumes from
    its last saved epoch; one that another process is running is left to it. Raises UserError for rows
    that the experiment doesn't have, for data that isn't available, and, after all others, for failed
    runs.
    """
    check_rows(experiment, options.rows)
    load = image_loader(options.quick, log)
    dataset = load(options.data)
    store = open_store(experiment, options.quick, dataset)
    options = evolve(options, data=with_release(options.data, dataset.release))
    failed: list[str] = []
    for row, seed in planned(experiment, options):
        job = Job(store, row, configure(row, seed, options))
        if not is_stored(job, log):
            failed += finish(job, partial(perform, job.task, load, log, stop_requested), log)
    if failed:
        raise UserError(f"not finished, for the reasons above: {'; '.join(failed)}")
    return store.read()


def open_store(experiment: Experiment, quick: bool, images: Dataset) -> Store:
    """The experiment's results on these images. Raises UserError if none are stored of such images."""
    if images.release == "other" and not quick:
        raise UserError(
            f"{images.source}: results are stored for Fashion-MNIST in its original order only; use "
            "--quick"
        )
    return Store(experiment, results_folder(quick, images.release), images.checksum)


def is_stored(job: Job, log: Log) -> bool:
    """Whether nothing is to be run; a run that another experiment measured is stored for this one, too."""
    if job.store.has(job.row, job.run):
        shutil.rmtree(job.task.folder, ignore_errors=True)
        log(f"{job.task.name}: stored already")
        return True
    measured = job.store.equal(job.run)
    if measured is not None:
        finish(job, lambda: measured, log)
    return measured is not None


def perform(
    task: Task, load: LoadImages, log: Log, stop_requested: StopRequested = never_stop
) -> dict[str, Any]:
    """Train and measure; an interrupted training resumes from its last saved epoch.

    Raises RunLockedError if another process trains it, DivergedError, UserError if the folder can't be
    written, and what `stop_requested` returned.
    """
    if next(_runs) % MAX_CACHED_RUNS == 0:
        jax.clear_caches()
    run = decode(Run, task.run, NAMES, task.name)
    with writing(task.folder):
        task.folder.mkdir(parents=True, exist_ok=True)
    with lock(task.folder):
        checkpoints = {
            stage.name: TrainingCheckpoints(
                task.folder / stage.name, f"{task.key} {stage.name}", log, stop_requested
            )
            for stage in run.stages
        }
        return measure(run, load(run.data), task.splits, checkpoints)


def finish(job: Job, measured_by: Callable[[], dict[str, Any]], log: Log) -> list[str]:
    """Store what the function returns, and remove the training checkpoints; return [name] if it failed.

    After an error the checkpoints stay, so that the run resumes.
    """
    store, name = job.store, job.task.name
    try:
        measured = measured_by()
        store.add(job.row, job.run, measured)
    except RunLockedError:
        log(f"{name}: another process is running it")
        return []
    except UserError as error:
        if store.has(job.row, job.run):  # by another process, which removed the checkpoints
            return []
        log(f"{name}: {error}")
        if isinstance(error, DivergedError):
            store.add_failed(job.row, job.run, str(error))
        return [name]
    shutil.rmtree(job.task.folder, ignore_errors=True)
    columns = store.experiment.columns
    figures = ", ".join(f"{column} {figure(measured, column):.4g}" for column in columns)
    log(f"{name}: {figures} ({measured['seconds']:.0f} s)")
    return []


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


def image_loader(quick: bool, log: Log) -> LoadImages:
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
