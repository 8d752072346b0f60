"""Arrays by name: their layout, the checks on it, and what all saving and restoring with Orbax needs."""

import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from fmnist_jax.errors import UserError, printable
from fmnist_jax.storage.files import quiet_log, writing
from fmnist_jax.storage.manifest import REMEDY

_MAX_REASONS = 8
_SMALL_FILES_BYTES = 1 << 20


@runtime_checkable
class Shaped(Protocol):
    """An array of any library, or what describes one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """The type of the elements."""
        ...


def flatten_paths(tree: object) -> dict[str, Shaped]:
    """Return a tree's leaves by their paths, such as "mlp.parameters.0.W"."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def array_bytes(leaf: Shaped) -> int:
    """Return the size of an array, given or described by shape and type."""
    return math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize


def array_type(leaf: Shaped) -> str:
    """Return an array's type and shape as errors quote them, such as "float32[784, 128]"."""
    return f"{np.dtype(leaf.dtype)}{list(leaf.shape)}"


def array_types(arrays: Mapping[str, Shaped]) -> dict[str, str]:
    """Return the `array_type` of each array."""
    return {name: array_type(leaf) for name, leaf in arrays.items()}


def check_layout(found: Mapping[str, str], expected: Mapping[str, str], where: Path | str) -> None:
    """Raise UserError unless names and `array_types` of `found` are those of `expected`."""
    reasons = [f"{name} is missing" for name in expected if name not in found]
    reasons += [f"{name} is unknown" for name in sorted(found) if name not in expected]
    reasons += [
        f"{name} is {found[name]}, not {type_}"
        for name, type_ in expected.items()
        if name in found and found[name] != type_
    ]
    if len(reasons) > _MAX_REASONS:
        reasons[_MAX_REASONS:] = [f"and {len(reasons) - _MAX_REASONS} more"]
    if reasons:
        raise UserError(
            f"{where}: the arrays don't fit the model's configuration: {', '.join(reasons)}; "
            "use the configuration that they were trained with"
        )


def check_finite(arrays: Mapping[str, np.ndarray], where: Path | str) -> None:
    """Raise UserError for the first array that holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(
                f"{where}: {name} holds values that are not finite; train again, with a smaller "
                "learning rate"
            )


def first_process_alone(name: str) -> Any:
    """Return Orbax's option that only the first process of a training saves and restores.

    `name` differs between Orbax's objects that are used at the same time.
    """
    import orbax.checkpoint as ocp

    return ocp.options.MultiprocessingOptions(active_processes={0}, barrier_sync_key_prefix=name)


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Raise UserError, with the path and the reason in one line, in place of errors while saving."""
    try:
        with writing(path), quiet_log(logging.CRITICAL, "absl"):  # Orbax warns and repeats errors
            yield
    except ValueError as error:  # TensorStore's on a full disk, with pages of details
        reason = str(error).partition(" [")[0]
        raise UserError(f"{path}: can't be written ({reason}); free some disk space") from error


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Raise UserError in place of Orbax's errors, which are of many types, about a damaged file."""
    try:
        with quiet_log(logging.CRITICAL, "absl"):
            yield
    except Exception as error:
        reason = printable(error)[:200]
        raise UserError(f"{path}: can't be restored ({reason}); {REMEDY}") from error


def reserve_space(file: Path, arrays: Mapping[str, Shaped]) -> None:
    """Allocate `file` with the size of the arrays and some more, and remove it: a full disk is found early.

    Otherwise each of Orbax's concurrent writers would fail, and print its own error.
    """
    size = sum(map(array_bytes, arrays.values())) + _SMALL_FILES_BYTES
    try:
        with file.open("wb") as stream:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
            else:
                stream.write(bytes(size))
                stream.flush()
    finally:
        file.unlink(missing_ok=True)
