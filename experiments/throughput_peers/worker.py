"""A contender's process: `python -m experiments.throughput_peers.worker PEER FOLDER`.

Talks JSON lines: first {"versions": ...} once the peer stands ready, or {"missing": NAME} if its
interpreter lacks a package; then, for every line that it reads, one epoch's {"seconds": ...,
"loss": ..., "accuracy": ...}. Standard library and NumPy alone.
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

PACKAGES = ("numpy", "jax", "jaxlib", "optax", "torch")
"""Whose versions matter, where the peer imported them."""


class Job(NamedTuple):
    """What all contenders of a row are given."""

    layer_sizes: list[int]
    batch_size: int
    learning_rate: float
    seed: int
    """Draws the order of the images, by each contender's own generator."""
    folder: Path
    """Holds the arrays."""

    def array(self, name: str) -> Any:
        """`images` (n, 28, 28) uint8, `inputs` (n, 784) float32: the same scaled, or `labels` (n,)."""
        return np.load(self.folder / f"{name}.npy", allow_pickle=False)

    def arrays(self, name: str) -> dict[str, Any]:
        """`weights` (W0, b0, W1, ... to start from) or `statistics` (of the scaling)."""
        with np.load(self.folder / f"{name}.npz", allow_pickle=False) as stored:
            return dict(stored)


def read_job(folder: Path) -> Job:
    """The job that `experiments.throughput` left in `folder`."""
    return Job(**json.loads((folder / "job.json").read_text("utf-8")), folder=folder)


def main(peer: str, folder: str) -> None:
    """Answer every line of standard input with one timed epoch."""
    try:
        module = importlib.import_module(f"experiments.throughput_peers.{peer}")
    except ModuleNotFoundError as error:
        reply({"missing": error.name})
        return
    epoch = module.start(read_job(Path(folder)))
    versions = {name: version(name) for name in PACKAGES if name in sys.modules}
    reply({"versions": {"python": platform.python_version()} | versions})
    for _ in sys.stdin:
        begun = time.perf_counter()
        loss, accuracy = epoch()
        seconds = time.perf_counter() - begun
        reply({"seconds": seconds, "loss": loss, "accuracy": accuracy})


def reply(answer: dict[str, Any]) -> None:
    """Write one line, at once."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
