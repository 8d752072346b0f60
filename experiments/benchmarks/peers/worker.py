"""A contender's process: `python -m experiments.benchmarks.peers.worker MODULE FUNCTION FOLDER`.

Talks JSON lines: first {"versions": ...} once the contender stands ready, or {"missing": NAME} if its
interpreter lacks a package; then, for every line that it reads, one turn's {"seconds": ...,
"peak_bytes": ...} and what the turn tells, {"loss": ..., "accuracy": ...} of an epoch. Standard library
and NumPy alone.
"""

import importlib
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PACKAGES = ("numpy", "jax", "jaxlib", "flax", "optax", "torch")
"""Whose versions matter, where the peer imported them."""


class Epoch(NamedTuple):
    """What an epoch tells: means over its images, each seen before the step that learned from it."""

    loss: float
    accuracy: float


class Job(NamedTuple):
    """What all contenders of a row are given."""

    network: dict[str, Any]
    """An MLPConfig's `layer_sizes`, or a whole ConvNetConfig as `fmnist_jax.config.codec` writes it."""
    optimizer: str
    scaling: str
    batch_size: int
    learning_rate: float
    seed: int
    """Draws the order of the images, by each contender's own generator."""
    counts: dict[str, int]
    """Images of a turn, where a contender's turn isn't all of them."""
    folder: Path
    """Holds the arrays."""

    def array(self, name: str) -> Any:
        """`images` (n, 28, 28) uint8, `inputs` float32: the same scaled, or `labels` (n,)."""
        return np.load(self.folder / f"{name}.npy", allow_pickle=False)

    def arrays(self, name: str) -> dict[str, Any]:
        """`weights` (to start from) or `statistics` (of the scaling)."""
        with np.load(self.folder / f"{name}.npz", allow_pickle=False) as stored:
            return dict(stored)


def read_job(folder: Path) -> Job:
    """The job that was left in `folder`."""
    return Job(**json.loads((folder / "job.json").read_text("utf-8")), folder=folder)


def main(module: str, function: str, folder: str) -> None:
    """Answer every line of standard input with one timed turn."""
    try:
        peer = importlib.import_module(f"experiments.benchmarks.peers.{module}")
    except ModuleNotFoundError as error:
        reply({"missing": error.name})
        return
    turn = getattr(peer, function)(read_job(Path(folder)))
    versions = {name: version(name) for name in PACKAGES if name in sys.modules}
    reply({"versions": {"python": platform.python_version()} | versions})
    for _ in sys.stdin:
        begun = time.perf_counter()
        told = turn()
        seconds = time.perf_counter() - begun
        reply({"seconds": seconds, "peak_bytes": peak_bytes()} | told._asdict())


def peak_bytes() -> int | None:
    """The most memory that this process has held so far, where the kernel tells it."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return sizes[0] if sizes else None


def reply(answer: dict[str, Any]) -> None:
    """Write one line, at once."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
