"""The whole study: every row with the seeds that it deserves, the cheap ones first.

What is stored isn't run again and what was cut short goes on, so the same command resumes. Several
processes may be at it at once, started by `workers.py` or by hand: a run is done by one of them alone.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import jax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from experiments.engine import runner as protocol
from experiments.study.catalogue import CATALOGUE, Entry, RowPlan, plan
from fmnist_jax.cli.interruption import Interruption
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError


@dataclass(frozen=True)
class StudyOptions:
    """Run every experiment of the study; what is stored already isn't run again."""

    quick: bool = False
    """One seed of each row on a few images and epochs, to see that all is in order; under runs/quick."""
    jobs: int | None = None
    """Processes that share the work; by default, on a CPU, one a core, eight at most, else one."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""

    def __post_init__(self) -> None:
        """Refuse what would run nothing."""
        if self.jobs is not None and self.jobs < 1:
            raise UserError(f"jobs must be at least 1, found {self.jobs}")


def run(
    options: StudyOptions,
    console: Console,
    interruption: Interruption,
    entries: Sequence[Entry] = CATALOGUE,
) -> list[str]:
    """Run what is missing and tell which rows failed, a line each.

    A row that fails is told and doesn't stop the others. Raises UserError where the data can't be had,
    and Stopped where a signal asked for an end.
    """
    say = once(console.print)
    load_dataset(options.data, say)  # without images every row would fail
    todo = unfinished(entries, options)
    failed: list[str] = []
    clock = Clock(missing_seconds(todo))
    with bar(console, clock) as show:
        for number, row in enumerate(todo, 1):
            interruption.check()
            show(f"row {number} of {len(todo)}, {row.name}")
            say(f"Row {number} of {len(todo)}, {clock.left()}")
            failed += run_row(row.entry, row.row.name, row.wanted, options, say, interruption)
            clock.done += row.missing_seconds
    return failed


def run_row(
    entry: Entry,
    row: str,
    seeds: int,
    options: StudyOptions,
    say: Callable[[str], None],
    interruption: Interruption,
) -> list[str]:
    """Run what is missing of one row; where it fails a line that tells it. Raises Stopped."""
    asked = protocol.Options(seeds, options.quick, (row,), options.data)
    failed: list[str] = []
    try:
        protocol.run(entry.experiment, asked, say, interruption.asked)
    except UserError as error:
        failed.append(f"{entry.name}: {row}: {error}")
    except (MemoryError, RuntimeError) as error:  # XLA's lack of memory is a RuntimeError
        failed.append(f"{entry.name}: {row}: {' '.join(str(error).split())[:300]}")
    jax.clear_caches()  # the next row is another program
    return failed


def unfinished(entries: Sequence[Entry], options: StudyOptions) -> list[RowPlan]:
    """The rows that lack seeds: those that cost least first."""
    rows = [row for entry in entries for row in plan(entry, options.quick)]
    return sorted((row for row in rows if row.missing_seconds), key=lambda row: row.missing_seconds)


def missing_seconds(rows: Iterable[RowPlan]) -> float:
    """What all their missing seeds will take."""
    return sum(row.missing_seconds for row in rows)


@contextmanager
def bar(console: Console, clock: "Clock") -> Iterator[Callable[[str], None]]:
    """A progress bar on a terminal: what it gives shows a description and the clock as it stands."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=max(1.0, clock.total), left=clock.left())
        yield lambda description: progress.update(
            task, description=description, completed=clock.done, left=clock.left()
        )


def once(log: Callable[[str], None]) -> Callable[[str], None]:
    """`log`, for lines that haven't been said: each row loads the data and says so."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            log(line)

    return say


@dataclass
class Clock:
    """How long the rest will take, as far as what is done tells."""

    total: float
    """Seconds that all was expected to take."""
    begun: float = field(default_factory=time.perf_counter)
    done: float = 0.0
    """Seconds that what is done was expected to take."""

    def left(self) -> str:
        """What is still to come, at the pace so far."""
        pace = (time.perf_counter() - self.begun) / self.done if self.done else 1.0
        return f"about {duration(pace * (self.total - self.done))} left"


def duration(seconds: float) -> str:
    """Seconds in the two units that matter."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
