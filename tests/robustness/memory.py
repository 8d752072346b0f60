"""What this process takes of memory, from /proc (Linux)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS = Path("/proc/self/status")
MEBIBYTE_KB = 1024


def resident() -> float:
    """MiB that are resident now."""
    return _field("VmRSS")


@contextmanager
def peak() -> Iterator[list[float]]:
    """A list that gets, on leaving, the MiB by which the resident memory rose at most meanwhile.

    `getrusage` would not do: a process begins with its parent's peak.
    """
    grown: list[float] = []
    before = resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    try:
        yield grown
    finally:
        grown.append(_field("VmHWM") - before)


def _field(name: str) -> float:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / MEBIBYTE_KB
    raise OSError(f"{STATUS} has no {name}")
