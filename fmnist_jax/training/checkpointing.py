"""A training's state on disk, so that what was cut short goes on: two files that take turns.

Each file is the SHA-256 of what follows, in hexadecimal, a line's end, and a NumPy archive (.npz) of
the state's arrays and, as JSON, of all else. The archive is read without pickle, and only where the
checksum and the key of the run are right: a damaged file is named and the one before it used.
"""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import write_bytes, writing
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import EpochRecord, FitState
from fmnist_jax.training.step import TrainState

SHARE = 0.05
"""An epoch isn't saved while saving has taken a larger share of the training's time; the last one is."""

DIGEST = 64
"""Characters of a SHA-256 in hexadecimal."""


class SavedTraining(NamedTuple):
    """What a training had come to after an epoch."""

    arrays: Mapping[str, np.ndarray]
    """The state's arrays by their places in it: "train.parameters.0.W"."""
    stopping: EarlyStopping
    history: tuple[EpochRecord, ...]
    """Every epoch so far."""
    seconds: float
    """That training had taken."""


def ignore(line: str) -> None:
    """Say nothing."""


def never() -> None:
    """Never ask a training to stop."""


@dataclass
class TrainingCheckpoints:
    """Where the state of one training is kept."""

    directory: Path
    """Where the two files are."""
    key: str
    """Of the configuration and the data: a snapshot of another run isn't used."""
    log: Callable[[str], None] = ignore
    """Told of a damaged file."""
    stop_requested: Callable[[], BaseException | None] = never
    """Called after every epoch; what it returns is raised once the epoch is saved."""
    spent: float = field(default=0.0, init=False)
    """Seconds that saving has taken."""
    _turn: int = field(default=0, init=False)

    @property
    def files(self) -> tuple[Path, Path]:
        """The two files."""
        return tuple(self.directory / f"state_{n}.npz" for n in (1, 2))  # pyright: ignore

    @cached_property
    def newest(self) -> SavedTraining | None:
        """The last whole snapshot, or None; a damaged file is passed over, `log` saying so."""
        found: dict[int, SavedTraining] = {}
        for turn, file in enumerate(self.files):
            if not file.exists():
                continue
            try:
                found[turn] = unpacked(file.read_bytes(), self.key)
            except ValueError as error:
                self.log(f"{file}: {error}; it is passed over")
        if not found:
            return None
        last = max(found, key=lambda turn: len(found[turn].history))
        self._turn = 1 - last
        return found[last]

    def after_epoch(
        self, state: FitState, history: Sequence[EpochRecord], seconds: float, last: bool
    ) -> None:
        """Save the epoch that has just ended, unless saving took too long so far; `last` always is.

        Raises UserError where it can't be written, and what `stop_requested` gives.
        """
        stop = self.stop_requested()
        if last or stop is not None or self.spent <= SHARE * seconds:
            self.save(state, history, seconds)
        if stop is not None:
            raise stop

    def check(self) -> None:
        """Raise what `stop_requested` gives."""
        stop = self.stop_requested()
        if stop is not None:
            raise stop

    def restore(self, expected: FitState) -> FitState:
        """The state from which `fit` goes on. Raises UserError for arrays that aren't the model's."""
        saved = self.newest
        assert saved is not None
        places = _by_place(_arrays(expected))
        if _layout(places) != _layout(saved.arrays):
            raise UserError(
                f"{self.directory}: its arrays aren't those of this network and optimizer; go on with the "
                "fmnist-jax that began the run, or remove it and begin anew"
            )
        leaves = [jnp.array(saved.arrays[place]) for place in places]
        train, best = jax.tree.unflatten(jax.tree.structure(_arrays(expected)), leaves).values()
        return FitState(train, best, saved.stopping, len(saved.history))

    def save(self, state: FitState, history: Sequence[EpochRecord], seconds: float) -> None:
        """Save an epoch in place of the last but one. Raises UserError where it can't be written."""
        begun = time.perf_counter()
        file = self.files[self._turn]
        self.directory.mkdir(parents=True, exist_ok=True)
        with writing(file):
            write_bytes(file, packed(state, history, seconds, self.key))
        self._turn = 1 - self._turn
        self.spent += time.perf_counter() - begun


def packed(state: FitState, history: Sequence[EpochRecord], seconds: float, key: str) -> bytes:
    """A snapshot as the bytes of its file."""
    told = {"key": key, "stopping": state.stopping, "history": history, "seconds": seconds}
    arrays = {place: np.asarray(leaf) for place, leaf in _by_place(_arrays(state)).items()}
    arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    archive = io.BytesIO()
    np.savez(archive, **arrays)  # pyright: ignore[reportArgumentType]
    content = archive.getvalue()
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def unpacked(data: bytes, key: str) -> SavedTraining:
    """A snapshot from the bytes of its file. Raises ValueError for one that can't be used."""
    content = memoryview(data)[DIGEST + 1 :]
    if hashlib.sha256(content).hexdigest().encode() + b"\n" != data[: DIGEST + 1]:
        raise ValueError("altered or cut short (SHA-256)")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
        told = json.loads(arrays.pop("told").tobytes())
        found, seconds = told["key"], float(told["seconds"])
        stopping = EarlyStopping(*told["stopping"])
        history = tuple(EpochRecord(*record) for record in told["history"])
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"no snapshot of this fmnist-jax ({error})") from error
    if found != key:
        raise ValueError("a snapshot of another run")
    return SavedTraining(arrays, stopping, history, seconds)


def _arrays(state: FitState) -> dict[str, TrainState | Any]:
    return {"train": state.train, "weights": state.best}


def _by_place(tree: Any) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _layout(arrays: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {place: (tuple(leaf.shape), np.dtype(leaf.dtype)) for place, leaf in arrays.items()}
