"""The whole study: every row with the seeds that it gets, the cheap ones first.

Stored runs are skipped and stopped ones resume, so the same command continues. An executor trains: this
process, several processes, or a Ray cluster. Results are stored here. Several studies may run on one
machine at the same time: each run is done by one of them.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, contextmanager
from functools import partial

import jax
from attrs import define, field, frozen
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from experiments.engine.runner import Job, Log, finish, image_loader, is_stored
from experiments.engine.spec import Experiment
from experiments.study import processes
from experiments.study.catalogue import RowPlan, plan
from experiments.study.work import Executor, Outcome, ThisProcess
from fmnist_jax.cli.interruption import Interruption
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError


def silent(line: str) -> None:
    """Log nothing."""


@frozen
class StudyOptions:
    """Run every experiment of the study; runs that are stored already are skipped."""

    quick: bool = False
    """One seed of each row on a few images and epochs, to check that everything works; under runs/quick."""
    jobs: int | None = None
    """Processes that share the work; by default, on a CPU, one a core, at most eight, else one."""
    ray: str | None = None
    """A Ray cluster that does the work: HOST:PORT, auto for the one on this machine, or local to start one.
    By default RAY_ADDRESS, unless jobs is given."""
    data: DataConfig = field(factory=DataConfig)
    """Which images."""

    def __attrs_post_init__(self) -> None:
        """Refuse options that would run nothing, or that contradict each other."""
        if self.jobs is not None and self.jobs < 1:
            raise UserError(f"jobs must be at least 1, found {self.jobs}")
        if self.jobs is not None and self.ray is not None:
            raise UserError("jobs and ray exclude each other: a Ray cluster runs as many as it can")

    @property
    def cluster(self) -> str | None:
        """The address of the Ray cluster, if one does the work."""
        return self.ray or (os.environ.get("RAY_ADDRESS") if self.jobs is None else None)


def run(
    options: StudyOptions,
    experiments: Sequence[Experiment],
    console: Console,
    interruption: Interruption,
) -> list[str]:
    """Run what is missing and return the rows that failed, a line each.

    A failing row is reported; the others still run. Raises UserError if the data or the cluster isn't
    available, and Stopped after a signal.
    """
    if options.cluster:
        jax.config.update("jax_platforms", "cpu")  # leave this machine's GPU to the tasks
    log = without_repeats(console.print)
    todo = unfinished(experiments, options, log)
    waiting = deque((row, seed) for row in todo for seed in row.missing)
    running: dict[Future[Outcome], tuple[RowPlan, Job]] = {}
    failed: list[str] = []
    clock = Clock(missing_seconds(todo))
    with ExitStack() as stack:
        executor = stack.enter_context(executor_for(options, len(waiting), log, interruption))
        show = stack.enter_context(progress_bar(console, clock))
        stopping = False
        while waiting or running:
            if interruption.number is not None and not stopping:
                stopping = True
                waiting.clear()
                executor.stop()
            elif waiting and len(running) < executor.room:
                row, seed = waiting.popleft()
                if seed == row.missing[0]:
                    number = f"{todo.index(row) + 1} of {len(todo)}"
                    show(f"row {number}, {row.name}")
                    log(f"Row {number}, {clock.left()}: {row.name}")
                job = row.job(seed)
                if is_stored(job, log):
                    clock.done += row.seconds
                else:
                    running[executor.submit(job.task)] = row, job
            else:
                for future in wait(running, 1.0, FIRST_COMPLETED).done:
                    row, job = running.pop(future)
                    result = partial(executor.result, future)
                    failed += collect(row, job, result, log, stopping)
                    clock.done += row.seconds
    interruption.check()
    return list(dict.fromkeys(failed))


@contextmanager
def executor_for(
    options: StudyOptions, tasks: int, log: Log, interruption: Interruption
) -> Iterator[Executor]:
    """What trains: a Ray cluster, processes, or this process, which may hold the GPU."""
    load = image_loader(options.quick, log)
    jobs = min(tasks, processes.jobs_for(options.jobs))
    if not tasks:
        yield ThisProcess(load, interruption.stop_requested)
    elif options.cluster:
        from experiments.study import cluster  # Ray is optional

        with cluster.connected(options.cluster, load, log) as executor:
            yield executor
    elif processes.jobs_for(options.jobs) > 1:
        with processes.started(jobs, options.quick) as executor:
            yield executor
    else:
        yield ThisProcess(load, interruption.stop_requested)


def collect(
    row: RowPlan, job: Job, result: Callable[[], Outcome], log: Log, stopping: bool
) -> list[str]:
    """Store the outcome of a task, or return in one line why there is none."""
    try:
        outcome = result()
        for line in outcome.lines:
            log(line)
        failed = finish(job, outcome.figures, log) if outcome.ended else []
    except RuntimeError as error:
        if stopping:  # the process may have ended before it could listen
            return []
        log(f"{row.name}: {error}")
        return [f"{row.name}: {error}"]
    return [f"{row.name}: not finished, for the reasons above: {name}" for name in failed]


def unfinished(
    experiments: Iterable[Experiment], options: StudyOptions, log: Log = silent
) -> list[RowPlan]:
    """The rows that lack seeds on the configured images, the cheapest first.

    Raises UserError if the images aren't available: every row would fail.
    """
    images = load_dataset(options.data, log)
    rows = [
        row
        for experiment in experiments
        for row in plan(experiment, options.quick, images, options.data)
    ]
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
