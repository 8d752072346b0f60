"""The study by several processes at once, each on cores of its own.

A training step's products are small, so a second core shortens it by less than the half: two trainings
side by side, a core each, get 1.7 times (`fmnist-jax train mlp`) and 1.4 times (`train lenet`) as much done
as one after the other on both cores (medians of 5 to 8 epochs, two-core AMD EPYC, JAX 0.10).
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import jax
from rich.console import Console

from experiments.study import study
from experiments.study.catalogue import CATALOGUE, Entry, RowPlan
from experiments.study.study import Clock, StudyOptions, bar, missing_seconds, once, unfinished
from fmnist_jax.cli.interruption import Stopped, listening
from fmnist_jax.data.loading import load_dataset

MOST_JOBS = 8
"""By default: each holds the data and its features, 1 to 2 GiB."""


def jobs_for(options: StudyOptions) -> int:
    """How many processes: as many as were asked for, or what suits the device."""
    if options.jobs is not None:
        return options.jobs
    alone = jax.default_backend() != "cpu" or not hasattr(os, "sched_setaffinity")
    return 1 if alone else min(MOST_JOBS, len(os.sched_getaffinity(0)))


def shares(jobs: int) -> list[set[int]]:
    """The cores of each process; several have the same one where there are more of them than cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * jobs
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[job::jobs]) or {cores[job % len(cores)]} for job in range(jobs)]


def run(
    options: StudyOptions, jobs: int, console: Console, entries: Sequence[Entry] = CATALOGUE
) -> list[str]:
    """As `study.run`, by `jobs` processes: the cheap rows first, each by the next that is free.

    Where no row is left to begin, those that are free take seeds of the rows that others are at. A row
    that kills its process has failed, and another process takes its place.
    """
    say = once(console.print)
    load_dataset(options.data, say)
    todo = unfinished(entries, options)
    waiting = deque(todo)
    clock = Clock(missing_seconds(todo))
    failed: list[str] = []
    workers: list[Worker] = []

    def next_row(worker: Worker) -> RowPlan | None:
        if waiting:
            row = waiting.popleft()
            say(f"Row {len(todo) - len(waiting)} of {len(todo)}, {clock.left()}: {row.name}")
            return row
        others = (other.row for other in workers if other is not worker)
        return next((row for row in others if row and row.name not in worker.seen), None)

    def end() -> None:
        for worker in workers:
            worker.process.kill()
            worker.process.join()

    with ExitStack() as stack:
        stack.callback(end)
        interruption = stack.enter_context(listening(console.print, end))
        show = stack.enter_context(bar(console, clock))
        for cores in shares(min(jobs, len(todo))):
            workers.append(Worker(options, cores))
            workers[-1].take(next_row(workers[-1]))
        asked_to_end = False
        while busy := {worker.pipe: worker for worker in workers if worker.row}:
            show(f"rows begun: {len(todo) - len(waiting)} of {len(todo)}")
            if interruption.number is not None and not asked_to_end:
                asked_to_end = True
                for worker in busy.values():
                    worker.process.terminate()
            for pipe in wait(list(busy), timeout=1.0):
                worker = busy[pipe]  # pyright: ignore[reportArgumentType] (what was given to wait)
                said = worker.hear()
                if isinstance(said, str):
                    say(said)
                    continue
                row = worker.row
                assert row is not None
                failed += said
                if worker.ended and interruption.number is None:
                    say(said[0])
                if all(other.row is not row for other in workers if other is not worker):
                    clock.done += row.missing_seconds
                if interruption.number is not None:
                    worker.row = None
                    continue
                following = next_row(worker)
                if worker.ended and following:
                    place = workers.index(worker)
                    worker = workers[place] = Worker(options, worker.cores, seen=worker.seen)
                worker.take(following)
        interruption.check()
    return list(dict.fromkeys(failed))


@dataclass(eq=False)
class Worker:
    """A process that runs the rows that it is told, and what is known of it."""

    options: StudyOptions
    cores: set[int]
    row: RowPlan | None = None
    """What it is at."""
    seen: set[str] = field(default_factory=set)
    """What it has been at."""
    ended: bool = False
    process: BaseProcess = field(init=False)
    pipe: Connection = field(init=False)

    def __post_init__(self) -> None:
        """Start it."""
        # Spawned: JAX has threads by now, and a fork of those may hang.
        context = multiprocessing.get_context("spawn")
        self.pipe, far_end = context.Pipe()
        arguments = (self.options, self.cores, far_end)
        self.process = context.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        far_end.close()  # the process's own is the only one, so that its end is heard

    def take(self, row: RowPlan | None) -> None:
        """Give it a row, or nothing more to do."""
        self.row = row
        if row is None:
            self.pipe.close()
            return
        self.seen.add(row.name)
        # An entry that has been asked for its experiment can't be sent; a fresh one can.
        with suppress(OSError):  # it has ended: that is heard next
            self.pipe.send((replace(row.entry), row.row.name, row.wanted))

    def hear(self) -> str | list[str]:
        """A line that it says, or, where it is through with its row, the failures."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            self.ended = True
            assert self.row is not None
            return [f"{self.row.name}: its process ended with code {self.process.exitcode}"]


def work(options: StudyOptions, cores: set[int], pipe: Connection) -> None:
    """A worker's process: runs the rows that it is sent, on its cores."""
    os.setsid()  # the terminal's Ctrl-C goes to the one process that passes it on, and once
    if cores:
        os.sched_setaffinity(0, cores)  # before XLA counts its threads
    with listening(lambda line: None, lambda: None) as interruption:
        try:
            while True:
                entry, row, seeds = pipe.recv()
                interruption.check()
                pipe.send(study.run_row(entry, row, seeds, options, pipe.send, interruption))
        except EOFError:  # nothing more to do
            return
        except Stopped as stopped:
            sys.exit(stopped.exit_code)
