"""The whole study: every row with the seeds that it deserves, the cheap ones first.

What is stored isn't run again and what was cut short goes on, so the same command resumes. Several
processes may be at it at once: each takes the runs that no other is at.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import jax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from experiments import protocol
from experiments.catalogue import CATALOGUE, Entry, RowPlan, plan
from fmnist_jax.cli.interruption import Interruption
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError


@dataclass(frozen=True)
class StudyOptions:
    """Run every experiment of the study; what is stored already isn't run again."""

    quick: bool = False
    """One seed of each row on a few images and epochs, to see that all is in order; under runs/quick."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images."""


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
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        clock = Clock([row.missing_seconds for row in todo])
        task = progress.add_task("", total=max(1.0, clock.total), left=clock.left())
        for number, row in enumerate(todo, 1):
            interruption.check()
            name = f"{row.entry.name}: {row.row.name}"
            progress.update(task, description=f"row {number} of {len(todo)}, {name}")
            say(f"Row {number} of {len(todo)}, {clock.left()}")
            try:
                protocol.run(
                    row.entry.experiment,
                    protocol.Options(row.wanted, options.quick, (row.row.name,), options.data),
                    say,
                    interruption.asked,
                )
            except UserError as error:
                failed.append(f"{name}: {error}")
            except (MemoryError, RuntimeError) as error:  # XLA's lack of memory is a RuntimeError
                failed.append(f"{name}: {' '.join(str(error).split())[:300]}")
            jax.clear_caches()  # the next row is another program
            clock.advance()
            progress.update(task, completed=clock.done, left=clock.left())
    return failed


def unfinished(entries: Sequence[Entry], options: StudyOptions) -> list[RowPlan]:
    """The rows that lack seeds: those that cost least first."""
    rows = [row for entry in entries for row in plan(entry, options.quick)]
    return sorted((row for row in rows if row.missing_seconds), key=lambda row: row.missing_seconds)


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

    costs: Sequence[float]
    """Seconds that each row was expected to take."""
    begun: float = field(default_factory=time.perf_counter)
    rows: int = 0

    @property
    def total(self) -> float:
        """Seconds expected of all rows."""
        return sum(self.costs)

    @property
    def done(self) -> float:
        """Seconds expected of the rows that are done."""
        return sum(self.costs[: self.rows])

    def advance(self) -> None:
        """A row is done."""
        self.rows += 1

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
