"""The study in several processes, each on its own cores.

A training step's products are small, so a second core shortens it by less than half: a process a core gets
more done than one process on all cores (docs/reports.md).
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import jax
from attrs import define, evolve, field
from rich.console import Console

from experiments.engine.spec import Experiment
from experiments.study import study
from experiments.study.catalogue import RowPlan, plan_row
from experiments.study.study import (
    Clock,
    Log,
    StudyOptions,
    missing_seconds,
    progress_bar,
    unfinished,
    without_repeats,
)
from fmnist_jax.cli.interruption import Interruption, Stopped, listening

MAX_JOBS = 8
"""By default: each holds the data and its features, 1 to 2 GiB."""


def jobs_for(options: StudyOptions) -> int:
    """Number of processes: as configured, or what suits the device."""
    if options.jobs is not None:
        return options.jobs
    single = jax.default_backend() != "cpu" or not hasattr(os, "sched_setaffinity")
    return 1 if single else min(MAX_JOBS, len(os.sched_getaffinity(0)))


def cores_of_jobs(jobs: int) -> list[set[int]]:
    """The cores of each process; processes share cores if there are more of them than cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * jobs
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[job::jobs]) or {cores[job % len(cores)]} for job in range(jobs)]


def run(
    options: StudyOptions, experiments: Sequence[Experiment], jobs: int, console: Console
) -> list[str]:
    """As `study.run`, in `jobs` processes: the cheap rows first, each to the next free process.

    When no row is left to start, free processes take seeds of the rows that others are running. A row
    that kills its process has failed, and a new process takes its place.
    """
    log = without_repeats(console.print)
    pool = Pool(options, tuple(unfinished(experiments, options, log)), log)
    with ExitStack() as stack:
        stack.callback(pool.kill)
        interruption = stack.enter_context(listening(console.print, pool.kill))
        show = stack.enter_context(progress_bar(console, pool.clock))
        for cores in cores_of_jobs(min(jobs, len(pool.todo))):
            pool.workers.append(Worker(options, cores))
            pool.assign_next(pool.workers[-1])
        terminated = False
        while busy := {worker.pipe: worker for worker in pool.workers if worker.row}:
            show(f"rows started: {len(pool.todo) - len(pool.waiting)} of {len(pool.todo)}")
            if interruption.number is not None and not terminated:
                terminated = True
                for worker in busy.values():
                    worker.process.terminate()
            for pipe in wait(list(busy), timeout=1.0):
                pool.receive(busy[pipe], interruption)  # pyright: ignore[reportArgumentType]
        interruption.check()
    return list(dict.fromkeys(pool.failed))


class Message(NamedTuple):
    """What a worker's process sends."""

    line: str = ""
    """To be logged."""
    failed: list[str] | None = None
    """When its row is done: the failures, a line each."""


@define(eq=False)
class Worker:
    """A process that runs the rows that it is sent."""

    options: StudyOptions
    cores: set[int]
    row: RowPlan | None = None
    """The row that it is running."""
    past: set[str] = field(factory=set)
    """Names of all rows that it was sent."""
    died: bool = False
    process: BaseProcess = field(init=False)
    pipe: Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Start the process."""
        # Spawned: JAX has threads by now, and a fork of those may hang.
        context = multiprocessing.get_context("spawn")
        self.pipe, far_end = context.Pipe()
        arguments = (self.options, self.cores, far_end)
        self.process = context.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        far_end.close()  # only the process has it now, so that its death closes the pipe

    def assign(self, row: RowPlan | None) -> None:
        """Send it a row; None ends it."""
        self.row = row
        if row is None:
            self.pipe.close()
            return
        self.past.add(row.name)
        with suppress(OSError):  # it has died: `receive` returns that next
            # Names, since configurations hold functions that can't be pickled.
            self.pipe.send((row.experiment.name, row.row.name, row.wanted))

    def receive(self) -> Message:
        """Its next message; also when it died."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            self.died = True
            assert self.row is not None
            line = f"{self.row.name}: its process ended with code {self.process.exitcode}"
            return Message(line, [line])


@define
class Pool:
    """The rows that are to be run, and the processes that run them."""

    options: StudyOptions
    todo: tuple[RowPlan, ...]
    log: Log
    waiting: deque[RowPlan] = field(init=False)
    """Rows that no process has started."""
    clock: Clock = field(init=False)
    workers: list[Worker] = field(factory=list)
    failed: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """All rows are waiting."""
        self.waiting = deque(self.todo)
        self.clock = Clock(missing_seconds(self.todo))

    def assign_next(self, worker: Worker) -> None:
        """Send the worker the next row: one that waits, else one that another process is running."""
        worker.assign(self.next_row(worker))

    def next_row(self, worker: Worker) -> RowPlan | None:
        """The next row for this worker."""
        if self.waiting:
            row = self.waiting.popleft()
            number = len(self.todo) - len(self.waiting)
            self.log(f"Row {number} of {len(self.todo)}, {self.clock.left()}: {row.name}")
            return row
        others = (other.row for other in self.workers if other is not worker)
        return next((row for row in others if row and row.name not in worker.past), None)

    def receive(self, worker: Worker, interruption: Interruption) -> None:
        """Log what the worker sends; when its row is done, send it the next one."""
        message = worker.receive()
        row, stopping = worker.row, interruption.number is not None
        assert row is not None
        if message.line and not (worker.died and stopping):
            self.log(message.line)
        if message.failed is None:
            return
        self.failed += message.failed
        if all(other.row is not row for other in self.workers if other is not worker):
            self.clock.done += row.missing_seconds
        if stopping:
            worker.row = None
            return
        following = self.next_row(worker)
        if worker.died and following:
            place = self.workers.index(worker)
            worker = self.workers[place] = Worker(self.options, worker.cores, past=worker.past)
        worker.assign(following)

    def kill(self) -> None:
        """End all processes immediately."""
        for worker in self.workers:
            worker.process.kill()
            worker.process.join()


def work(options: StudyOptions, cores: set[int], pipe: Connection) -> None:
    """A worker's process: runs the rows that it is sent, on its cores."""
    os.setsid()  # the terminal's Ctrl-C reaches the main process only, which passes it on once
    if cores:
        os.sched_setaffinity(0, cores)  # before XLA counts its threads
    with listening(lambda line: None, lambda: None) as interruption:
        try:
            while True:
                name, row_name, wanted = pipe.recv()
                interruption.check()
                row = evolve(plan_row(name, row_name, options.quick), wanted=wanted)
                failed = study.run_row(
                    row, options, lambda line: pipe.send(Message(line)), interruption
                )
                pipe.send(Message(failed=failed))
        except EOFError:  # nothing more to do
            return
        except Stopped as stopped:
            sys.exit(stopped.exit_code)
