"""What executors do: train one run after another, and return what became of each."""

import signal
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

from attrs import frozen

from experiments.engine.runner import LoadImages, StopRequested, Task, perform
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.errors import UserError


class Outcome(NamedTuple):
    """What became of a task: measured, failed, or, with neither, stopped."""

    lines: list[str]
    """To be logged."""
    measured: dict[str, Any] | None = None
    error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether the run wasn't stopped."""
        return self.measured is not None or self.error is not None

    def figures(self) -> dict[str, Any]:
        """What was measured. Raises the error."""
        if self.error is not None:
            raise self.error
        assert self.measured is not None
        return self.measured


class Executor(Protocol):
    """Performs tasks, in the order in which they were submitted."""

    @property
    def room(self) -> int:
        """How many tasks it takes at a time."""
        ...

    def submit(self, task: Task) -> Future[Outcome]:
        """Perform the task as soon as possible."""
        ...

    def result(self, future: Future[Outcome]) -> Outcome:
        """The outcome of a finished task. Raises RuntimeError if its process ended."""
        ...

    def stop(self) -> None:
        """Ask all tasks to stop once their epoch is saved."""
        ...


def work(task: Task, load: LoadImages, stop_requested: StopRequested) -> Outcome:
    """Perform a task; errors are returned in a form that can be sent to any process."""
    lines: list[str] = []
    try:
        return Outcome(lines, perform(task, load, lines.append, stop_requested))
    except Stopped:
        return Outcome(lines)
    except UserError as error:
        return Outcome(lines, error=error)
    except Exception as error:  # XLA reports exhausted memory as a RuntimeError
        return Outcome(lines, error=RuntimeError(in_one_line(error)))


def work_until(number: signal.Signals, task: Task, load: LoadImages) -> Outcome:
    """As `work`, until this process receives the signal; call it in the main thread."""
    received: list[int] = []
    before = signal.signal(number, lambda number, _: received.append(number))
    try:
        return work(task, load, lambda: Stopped(received[0]) if received else None)
    finally:
        signal.signal(number, before)


def in_one_line(error: BaseException) -> str:
    """The error's message; with its type, unless that is RuntimeError."""
    kind = "" if isinstance(error, RuntimeError) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())[:300]


@frozen
class ThisProcess:
    """An executor that performs each task when it is submitted."""

    load: LoadImages
    stop_requested: StopRequested
    room = 1

    def submit(self, task: Task) -> Future[Outcome]:
        """Perform it."""
        future: Future[Outcome] = Future()
        future.set_result(work(task, self.load, self.stop_requested))
        return future

    def result(self, future: Future[Outcome]) -> Outcome:
        """It is there."""
        return future.result()

    def stop(self) -> None:
        """Nothing runs between two tasks."""
