"""SIGTERM and Ctrl-C: the first lets the epoch end and be saved, the second stops immediately."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from fmnist_jax.devices.processes import largest

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal requested a stop, and everything is saved; like KeyboardInterrupt, not an error."""

    def __init__(self, number: int) -> None:
        """Raised for the signal with this number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interruption:
    """Which signal requested a stop."""

    number: int | None = None

    def stop_requested(self) -> Stopped | None:
        """Return what to raise once everything is saved, or None; the same in all processes."""
        self.number = largest(self.number or 0) or None
        return None if self.number is None else Stopped(self.number)

    def check(self) -> None:
        """Raise Stopped if a stop was requested in any process of a training."""
        stopped = self.stop_requested()
        if stopped is not None:
            raise stopped

    def check_alone(self) -> None:
        """Raise Stopped if a stop was requested in this process."""
        if self.number is not None:
            raise Stopped(self.number)


@contextmanager
def listening(say: Callable[[str], None], leave: Callable[[], object]) -> Iterator[Interruption]:
    """Record the first signal and `say` so; end the process at the second.

    A thread listens, since Python's own handlers wait until an epoch's program has ended. `leave` is
    called before the process ends. Outside the main thread, where no signal arrives, nothing is done.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def listen() -> None:
        while heard := os.read(reader, 1):
            number = heard[0]
            if number not in SIGNALS:
                continue
            if interruption.number is not None:
                leave()
                os._exit(128 + number)
            interruption.number = number
            with suppress(OSError):  # the terminal may be gone
                say(
                    f"{signal.Signals(number).name}: stopping once this epoch is saved; a second one "
                    "stops immediately"
                )

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    # The thread listens before the handlers are replaced, so no signal in between is lost.
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _heard) for number in SIGNALS}
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join()
        os.close(reader)


def _heard(number: int, frame: FrameType | None) -> None:
    """Do nothing: the thread receives the signal."""
