"""The whole study: every row with the seeds that it gets, the cheap ones first.

Stored runs are skipped and stopped ones resume, so the same command continues. Several processes may run it
at the same time, started by `workers.py` or manually: each run is done by one of them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import jax
from attrs import define, field, frozen
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from experiments.engine import runner
from experiments.engine.spec import Experiment
from experiments.study.catalogue import RowPlan, plan
from fmnist_jax.cli.interruption import Interruption
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError

Log = Callable[[str], None]


def silent(line: str) -> None:
    """Log nothing."""


@frozen
class StudyOptions:
    """Run every experiment of the study; runs that are stored already are skipped."""

    quick: bool = False
    """One seed of each row on a few images and epochs, to check that everything works; under runs/quick."""
    jobs: int | None = None
    """Processes that share the work; by default, on a CPU, one a core, at most eight, else one."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""

    def __attrs_post_init__(self) -> None:
        """Refuse options that would run nothing."""
        if self.jobs is not None and self.jobs < 1:
            raise UserError(f"jobs must be at least 1, found {self.jobs}")


def run(
    options: StudyOptions,
    experiments: Sequence[Experiment],
    console: Console,
    interruption: Interruption,
) -> list[str]:
    """Run what is missing and return the rows that failed, a line each.

    A failing row is reported; the others still run. Raises UserError if the data isn't available, and
    Stopped after a signal.
    """
    log = without_repeats(console.print)
    todo = unfinished(experiments, options, log)
    failed: list[str] = []
    clock = Clock(missing_seconds(todo))
    with progress_bar(console, clock) as show:
        for number, row in enumerate(todo, 1):
            interruption.check()
            show(f"row {number} of {len(todo)}, {row.name}")
            log(f"Row {number} of {len(todo)}, {clock.left()}")
            failed += run_row(row, options, log, interruption)
            clock.done += row.missing_seconds
    return failed


def run_row(row: RowPlan, options: StudyOptions, log: Log, interruption: Interruption) -> list[str]:
    """Run what is missing of one row; if it fails, return the reason in one line. Raises Stopped."""
    row_options = runner.Options(row.wanted, options.quick, (row.row.name,), options.data)
    failed: list[str] = []
    try:
        runner.run(row.experiment, row_options, log, interruption.stop_requested)
    except UserError as error:
        failed.append(f"{row.name}: {error}")
    except (MemoryError, RuntimeError) as error:  # XLA reports exhausted memory as a RuntimeError
        failed.append(f"{row.name}: {' '.join(str(error).split())[:300]}")
    jax.clear_caches()  # the next row is another program
    return failed


def unfinished(
    experiments: Iterable[Experiment], options: StudyOptions, log: Log = silent
) -> list[RowPlan]:
    """The rows that lack seeds on the configured images, the cheapest first.

    Raises UserError if the images aren't available: every row would fail.
    """
    images = load_dataset(options.data, log)
    rows = [row for experiment in experiments for row in plan(experiment, options.quick, images)]
    return sorted((row for row in rows if row.missing_seconds), key=lambda row: row.missing_seconds)


def missing_seconds(rows: Iterable[RowPlan]) -> float:
    """Time of all their missing seeds."""
    return sum(row.missing_seconds for row in rows)


@contextmanager
def progress_bar(console: Console, clock: "Clock") -> Iterator[Log]:
    """A progress bar on a terminal; gives a function that shows a description and the clock."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=max(1.0, clock.total), left=clock.left())
        yield lambda description: progress.update(
            task, description=description, completed=clock.done, left=clock.left()
        )


def without_repeats(log: Log) -> Log:
    """`log`, each line once: every row loads the data and logs it."""
    logged: set[str] = set()

    def log_new(line: str) -> None:
        if line not in logged:
            logged.add(line)
            log(line)

    return log_new


@define
class Clock:
    """Estimates the remaining time."""

    total: float
    """Expected seconds of everything."""
    started: float = field(factory=time.perf_counter)
    done: float = 0.0
    """Expected seconds of what is done."""

    def left(self) -> str:
        """The remaining time at the pace so far."""
        pace = (time.perf_counter() - self.started) / self.done if self.done else 1.0
        return f"about {duration(pace * (self.total - self.done))} left"


def duration(seconds: float) -> str:
    """Seconds in the two largest units."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
