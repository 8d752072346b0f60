"""A candidate's process: `python -m experiments.benchmarks.peers.worker MODULE FUNCTION FOLDER`.

Writes JSON lines: {"versions": ...} when the candidate is ready, or {"missing": NAME} if its interpreter lacks
a package; then, for every line that it reads, the {"seconds": ..., "peak_bytes": ...} of one run together
with the run's figures. Imports only the standard library and NumPy.
"""

import importlib
import json
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PACKAGES = ("numpy", "jax", "jaxlib", "flax", "optax", "torch")
"""Packages whose versions are reported, if the candidate imported them."""


class Epoch(NamedTuple):
    """An epoch's figures: means over its images, each computed before the update by its batch."""

    loss: float
    accuracy: float


class Job(NamedTuple):
    """What all candidates of a row receive."""

    stage: dict[str, Any]
    """The network and its training, as `fmnist_jax.config.codec` encodes a Stage. The seed draws the order of
    the images, by each candidate's own generator."""
    counts: dict[str, int]
    """Number of images by kind of work."""
    folder: Path
    """Holds the arrays."""

    def array(self, name: str) -> Any:
        """Load `images` (n, 28, 28) uint8, `inputs`, the same scaled, float32, or `labels` (n,)."""
        return np.load(self.folder / f"{name}.npy", allow_pickle=False)

    def arrays(self, name: str) -> dict[str, Any]:
        """Load the initial `weights`, by their paths such as "0.W", or the scaling's `statistics`."""
        with np.load(self.folder / f"{name}.npz", allow_pickle=False) as stored:
            return dict(stored)


def read_job(folder: Path) -> Job:
    """Read the job that was written to `folder`."""
    return Job(**json.loads((folder / "job.json").read_text("utf-8")), folder=folder)


def epochs(job: Job, step: Callable[[np.ndarray], tuple[float, int]]) -> Callable[[], Epoch]:
    """An epoch of NumPy's steps; each takes the images of these indices, in the order that is drawn.

    It returns the sum of losses and the number of right answers before its update.
    """
    count, batch_size = len(job.array("labels")), job.stage["training"]["batch_size"]
    rng = np.random.default_rng(job.stage["training"]["seed"])

    def epoch() -> Epoch:
        order = rng.permutation(count)
        batches = [step(order[at : at + batch_size]) for at in range(0, count, batch_size)]
        losses, correct = zip(*batches, strict=True)
        return Epoch(sum(losses) / count, sum(correct) / count)

    return epoch


def main(module: str, function: str, folder: str) -> None:
    """Answer every line of standard input with one timed run."""
    try:
        peer = importlib.import_module(f"experiments.benchmarks.peers.{module}")
    except ModuleNotFoundError as error:
        reply({"missing": error.name})
        return
    run = getattr(peer, function)(read_job(Path(folder)))
    versions = {name: version(name) for name in PACKAGES if name in sys.modules}
    reply({"versions": {"python": platform.python_version()} | versions})
    for _ in sys.stdin:
        start = time.perf_counter()
        figures = run()
        seconds = time.perf_counter() - start
        reply({"seconds": seconds, "peak_bytes": peak_bytes()} | figures._asdict())


def peak_bytes() -> int | None:
    """Return the most memory that this process has held so far, where the kernel reports it."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return sizes[0] if sizes else None


def reply(answer: dict[str, Any]) -> None:
    """Write one line and flush it."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
