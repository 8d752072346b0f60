"""The work in several processes of this machine, each on its own cores.

A training step's products are small, so a second core shortens it by less than half: a process a core gets
more done than one process on all cores (docs/reports.md).
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.process import BaseProcess

import jax
from attrs import define, field

from experiments.engine.runner import Task, image_loader
from experiments.study.work import Outcome, work_until

MAX_JOBS = 8
"""By default: each holds the data and its features, 1 to 2 GiB."""


def jobs_for(configured: int | None) -> int:
    """Number of processes: as configured, or what suits the device."""
    if configured is not None:
        return configured
    single = jax.default_backend() != "cpu" or not hasattr(os, "sched_setaffinity")
    return 1 if single else min(MAX_JOBS, len(os.sched_getaffinity(0)))


def cores_of_jobs(jobs: int) -> list[set[int]]:
    """The cores of each process; processes share cores if there are more of them than cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * jobs
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[job::jobs]) or {cores[job % len(cores)]} for job in range(jobs)]


@contextmanager
def started(jobs: int, quick: bool) -> Iterator["Processes"]:
    """So many processes, which are ended with the block."""
    processes = Processes([Worker(cores, quick) for cores in cores_of_jobs(jobs)])
    try:
        yield processes
    finally:
        kill_all()
        for worker in processes.workers:
            worker.pool.shutdown()


def kill_all() -> None:
    """End all processes immediately."""
    for process in multiprocessing.active_children():
        process.kill()


@define
class Processes:
    """An executor with one process for each task that it takes."""

    workers: list["Worker"]

    @property
    def room(self) -> int:
        """A task a process."""
        return len(self.workers)

    def submit(self, task: Task) -> Future[Outcome]:
        """Perform it in a free process."""
        worker = next(worker for worker in self.workers if worker.future.done())
        worker.start(task)
        return worker.future

    def result(self, future: Future[Outcome]) -> Outcome:
        """The outcome. Raises RuntimeError if the process died; a new one takes its place."""
        try:
            return future.result()
        except BrokenProcessPool:
            (worker,) = (worker for worker in self.workers if worker.future is future)
            worker.process.join()
            worker.pool = _pool(worker.cores)
            raise RuntimeError(f"its process ended with code {worker.process.exitcode}") from None

    def stop(self) -> None:
        """Signal the processes that are training."""
        for worker in self.workers:
            if not worker.future.done():
                worker.process.terminate()


@define(eq=False)
class Worker:
    """A process on these cores; its pool has no other, so that its death ends no other task."""

    cores: set[int]
    quick: bool
    pool: ProcessPoolExecutor = field(init=False)
    process: BaseProcess = field(init=False)
    future: Future[Outcome] = field(init=False, factory=Future)
    """Of its last task."""

    def __attrs_post_init__(self) -> None:
        """It is free."""
        self.pool = _pool(self.cores)
        self.future.cancel()

    def start(self, task: Task) -> None:
        """Send it a task; the first one starts the process."""
        before = set(multiprocessing.active_children())
        self.future = self.pool.submit(_work, task, self.quick)
        for process in set(multiprocessing.active_children()) - before:
            self.process = process


def _pool(cores: set[int]) -> ProcessPoolExecutor:
    # Spawned: JAX has threads by now, and a fork of those may hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, _prepare, (cores,))


def _prepare(cores: set[int]) -> None:
    """Prepare a new process."""
    os.setsid()  # the terminal's Ctrl-C reaches the main process only, which passes it on once
    if cores:
        os.sched_setaffinity(0, cores)  # before XLA counts its threads
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the main one was killed; training checkpoints survive that."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


_image_loader = cache(image_loader)


def _ignore(line: str) -> None:
    """Log nothing: the main process has logged the images."""


def _work(task: Task, quick: bool) -> Outcome:
    return work_until(signal.SIGTERM, task, _image_loader(quick, _ignore))
