"""SIGTERM and Ctrl-C: the first lets the epoch end and be saved, the second stops at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal asked for an end, and what there was to save is saved; no more an error than Ctrl-C."""

    def __init__(self, number: int) -> None:
        """By the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interruption:
    """Which signal has asked for an end."""

    number: int | None = None

    def stop_requested(self) -> Stopped | None:
        """What to raise as soon as all is saved, or None."""
        return None if self.number is None else Stopped(self.number)

    def check(self) -> None:
        """Raise Stopped where an end was asked for."""
        stopped = self.stop_requested()
        if stopped is not None:
            raise stopped


@contextmanager
def listening(say: Callable[[str], None], leave: Callable[[], object]) -> Iterator[Interruption]:
    """Note the first signal, `say` that it was heard, and end the process at the second.

    A thread listens, for Python's own handlers wait until an epoch's program has ended. `leave` is
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
            say(
                f"{signal.Signals(number).name}: stopping once this epoch is saved; a second one "
                "stops at once"
            )

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    # The thread hears before the handlers silence: a signal between the two isn't lost.
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
    """The thread has heard it."""
