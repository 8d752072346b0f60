"""What many tests need and takes long to make, made once by a process or by all workers together."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.synthetic import draw_synthetic

MakeOnce = Callable[[str, Callable[[Path], object]], Path]


@functools.cache
def drawn(*sizes: int) -> RawData:
    """Return the synthetic data set, by default the one that users get; its arrays are read-only."""
    raw = draw_synthetic(*sizes)
    for array in (*raw.train, *raw.test):
        array.flags.writeable = False
    return raw


few = functools.partial(drawn, 1200, 400)


def make_once(name: str, function: Callable[[Path], object], base: Path) -> Path:
    """Return a folder of that name, made by the first worker that needs it; tests leave it unchanged.

    `base` is the worker's own temporary folder.
    """
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = root / "made" / name, root / "made" / f"{name}.made"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            function(folder)
            made.touch()
    return folder
