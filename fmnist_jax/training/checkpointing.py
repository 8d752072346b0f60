"""Training checkpoints: the state after an epoch on disk, from which an interrupted training resumes.

Orbax's CheckpointManager keeps the last two epochs that were saved, a directory each: `EPOCH/state` has
the arrays, `EPOCH/progress` everything else as JSON, and `EPOCH/manifest.json`, written last, the SHA-256
of each file. A checkpoint that is half-written (without a manifest) or damaged is ignored; the one before
it is used.
"""

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.devices.mesh import put
from fmnist_jax.devices.processes import is_first, share, share_arrays
from fmnist_jax.errors import UserError
from fmnist_jax.storage.arrays import (
    array_types,
    first_process_alone,
    flatten_paths,
    reserve_space,
    restoring,
    saving,
)
from fmnist_jax.storage.manifest import (
    MAX_JSON_BYTES,
    parse_json,
    read_verified,
    reading,
    seal,
    verify,
)
from fmnist_jax.training.early_stopping import EarlyStopping
from fmnist_jax.training.loop import EpochRecord, FitState

MAX_SAVE_TIME_FRACTION = 0.02
"""An epoch is not saved while saving has taken more than this fraction of the training time."""

_STATE, _PROGRESS = "state", "progress"


class SavedTraining(NamedTuple):
    """What a training checkpoint holds, except for its arrays."""

    stopping: EarlyStopping
    history: tuple[EpochRecord, ...]
    """Every epoch so far."""
    seconds: float
    """Training time so far."""
    layout: Mapping[str, str]
    """`array_types` of the arrays."""


class TrainingCheckpoints:
    """The checkpoints of one training, which the first of its processes reads and writes.

    Args:
        directory: Where they are kept; created, in a directory that exists, when the first one is saved.
        key: Identifies the configuration and the data; checkpoints with another key are ignored.
        log: Receives one line for each checkpoint that is ignored.
        stop_requested: Called after every epoch; an exception that it returns is raised once the epoch is
            saved.
    """

    def __init__(
        self,
        directory: Path,
        key: str,
        log: Callable[[str], None] | None = None,
        stop_requested: Callable[[], BaseException | None] | None = None,
    ) -> None:
        self.directory = directory
        self._key = key
        self._log = log
        self._stop_requested = stop_requested
        self._saving_seconds = 0.0

    @cached_property
    def newest(self) -> SavedTraining | None:
        """The last valid checkpoint, or None. Raises UserError if permissions forbid reading it."""
        for epoch in self._epochs():
            try:
                return _read(self._path(epoch), self._key)
            except UserError as error:
                if self._log is not None:
                    self._log(f"training checkpoint ignored: {error}")
        return None

    def restore(self, expected: FitState) -> FitState:
        """Return the state of `newest`, to continue from.

        Args:
            expected: A state of this training, or its shapes and types as `jax.eval_shape` returns them.

        Raises:
            UserError: If the arrays are not those of this network and optimizer.
        """
        saved = self.newest
        if saved is None:
            raise ValueError(f"{self.directory}: there is no checkpoint to restore")
        path = self._path(len(saved.history))
        tree = _arrays(expected)
        shapes = flatten_paths(tree)
        if array_types(shapes) != saved.layout:
            raise UserError(
                f"{path}: its arrays aren't those of this network and optimizer; resume with the "
                "fmnist-jax that started the run, or remove it and start again"
            )
        import orbax.checkpoint as ocp

        arguments = ocp.args.PyTreeRestore(
            item=shapes,
            restore_args={name: ocp.RestoreArgs(restore_type=np.ndarray) for name in shapes},
        )
        with restoring(path):
            found = self._manager.restore(
                len(saved.history), args=ocp.args.Composite(**{_STATE: arguments})
            )[_STATE]
        # Copied, since programs write to the memory of arrays that are donated to them.
        leaves = [put(jnp.array(found[name])) for name in shapes]
        arrays = jax.tree.unflatten(jax.tree.structure(tree), leaves)
        return FitState(arrays["train"], arrays["best"], saved.stopping, len(saved.history))

    def after_epoch(
        self, state: FitState, history: Sequence[EpochRecord], seconds: float, last: bool
    ) -> None:
        """Save the epoch that has just ended, unless saving has taken too much of the time so far.

        The last epoch is always saved, and so is the one after which a stop is requested.

        Args:
            state: After the epoch.
            history: Every epoch so far.
            seconds: Training time so far.
            last: Whether this was the last epoch.

        Raises:
            UserError: If the checkpoint can't be written.
            BaseException: What `stop_requested` returned.
        """
        stop = None if self._stop_requested is None else self._stop_requested()
        if last or stop is not None or self._saving_seconds <= MAX_SAVE_TIME_FRACTION * seconds:
            self.save(state, history, seconds)
        if stop is not None:
            raise stop

    def check(self) -> None:
        """Raise the exception that `stop_requested` returns."""
        stop = None if self._stop_requested is None else self._stop_requested()
        if stop is not None:
            raise stop

    def save(self, state: FitState, history: Sequence[EpochRecord], seconds: float) -> None:
        """Save an epoch. The checkpoint before it is kept. Raises UserError if it can't be written."""
        if not is_first():
            return
        import orbax.checkpoint as ocp

        begin = time.perf_counter()  # after the import, which takes more time than saving
        arrays = {name: np.asarray(leaf) for name, leaf in flatten_paths(_arrays(state)).items()}
        progress = {
            "key": self._key,
            "stopping": state.stopping if state.stopping.best_epoch else None,
            "history": history,
            "seconds": seconds,
            "layout": array_types(arrays),
        }
        items = ocp.args.Composite(
            **{_STATE: ocp.args.PyTreeSave(arrays), _PROGRESS: ocp.args.JsonSave(progress)}
        )
        with saving(self.directory):
            manager = self._manager
            reserve_space(self.directory / "space", arrays)
            manager.save(len(history), args=items, force=True)
            seal(self._path(len(history)))
        self._saving_seconds += time.perf_counter() - begin

    def _epochs(self) -> list[int]:
        """The epochs of all checkpoints, valid or not, the newest first."""
        if not is_first():
            return []
        with reading(self.directory):
            if not self.directory.exists():
                return []
            names = [path.name for path in self.directory.iterdir() if path.is_dir()]
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def _path(self, epoch: int) -> Path:
        return self.directory / str(epoch)

    @cached_property
    def _manager(self) -> Any:
        """Created when first used: it removes the temporary directories that a killed process left.

        Checkpoints newer than `newest` were ignored; they are removed, since Orbax saves an epoch once.
        """
        import orbax.checkpoint as ocp

        valid = 0 if self.newest is None else len(self.newest.history)
        for epoch in self._epochs():
            if epoch > valid:
                shutil.rmtree(self._path(epoch))
        self.directory.mkdir(exist_ok=True)  # fails if the run's directory was removed
        # OCDBT: a few files for all arrays, so that syncing them takes less time.
        alone = first_process_alone("training")
        handler = ocp.PyTreeCheckpointHandler(
            use_ocdbt=True,
            use_zarr3=False,
            use_compression=False,
            multiprocessing_options=alone,
        )
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2,
            enable_async_checkpointing=False,
            cleanup_tmp_directories=True,
            save_root_metadata=False,
            create=False,
            multiprocessing_options=alone,
        )
        handlers = {
            _STATE: handler,
            _PROGRESS: ocp.JsonCheckpointHandler(multiprocessing_options=alone),
        }
        return ocp.CheckpointManager(
            self.directory.absolute(), options=options, item_handlers=handlers
        )


def share_state(state: FitState | None, make: Callable[[], FitState]) -> FitState | None:
    """Return the first process's state in all processes; `make` makes one of the same shapes."""
    progress = share(None if state is None else [state.epoch, state.stopping])
    if progress is None:
        return None
    own = state or make()
    arrays = put(share_arrays(jax.tree.map(np.asarray, _arrays(own))))
    epoch, stopping = progress
    return FitState(arrays["train"], arrays["best"], EarlyStopping(*stopping), epoch)


def _read(path: Path, key: str) -> SavedTraining:
    """Verify a checkpoint and read its progress. Raises UserError if it can't be used."""
    checksums = verify(path, sys.maxsize)
    name = f"{_PROGRESS}/metadata"
    content = read_verified(path, name, checksums, MAX_JSON_BYTES)
    values = parse_json(content, path / name)
    try:
        found, layout = values["key"], dict(values["layout"])
        stopping = EarlyStopping(*values["stopping"] or ())  # none without a validation split
        history = tuple(EpochRecord(*record) for record in values["history"])
        seconds = float(values["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: written by another version of fmnist-jax ({error})") from error
    if found != key:
        raise UserError(f"{path}: of another run")
    return SavedTraining(stopping, history, seconds, layout)


def _arrays(state: FitState) -> dict[str, Any]:
    return {"train": state.train, "best": state.best}
