"""A checkpoint's arrays: by the names that Orbax gives them, checked, written by Orbax, read as files.

The format is Zarr 2, each array one chunk that isn't compressed: `NAME/.zarray` says type and shape,
`NAME/0.0` holds the values and nothing else. So the configuration tells the size of every file
before one is opened, and a reader has nothing to unpack.
"""

import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fmnist_jax.config.checks import shown
from fmnist_jax.errors import UserError
from fmnist_jax.storage.manifest import REMEDY, Sums, parse_json, read_verified

METADATA = "metadata/metadata"
ARRAYS = "arrays"

MAX_BYTES = 1 << 30
"""The most that a checkpoint's arrays may take: a hundred times those of the reports' largest network."""

_MAX_HEADER_BYTES = 4096
_MAX_REASONS = 8


def write_arrays(directory: Path, arrays: Any, metadata: dict[str, Any]) -> None:
    """Write the arrays and the metadata, JSON values, as an Orbax checkpoint."""
    import orbax.checkpoint as ocp

    handler = ocp.CompositeCheckpointHandler(
        arrays=ocp.PyTreeCheckpointHandler(use_ocdbt=False, use_zarr3=False, use_compression=False),
        metadata=ocp.JsonCheckpointHandler(),
    )
    items = ocp.args.Composite(
        arrays=ocp.args.PyTreeSave(arrays), metadata=ocp.args.JsonSave(metadata)
    )
    _reserve(directory, sum(map(_bytes, jax.tree.leaves(arrays))))
    with _quiet(), ocp.Checkpointer(handler) as checkpointer:
        checkpointer.save(directory, items)
    # These hold the path of the machine that wrote them; Orbax restores without them.
    for file in list(directory.rglob("commit_success.txt")):
        file.unlink()


def _reserve(directory: Path, size: int) -> None:
    """Raise OSError where so many bytes have no room: Orbax's many tasks would each tell, at length."""
    space = directory.with_name("space")
    with space.open("wb") as file:
        file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())
    space.unlink()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back Orbax's warning that a layout which isn't used has nothing to merge."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_arrays(
    directory: Path, expected: Mapping[str, Any], sums: Sums, where: Path
) -> list[np.ndarray]:
    """The arrays of the names, shapes and types in `expected`, in its order.

    `directory` is the checkpoint's, `sums` the checksums of its files, and `where` names what asks
    for the arrays. Raises UserError for other arrays, before any is read, and for what isn't stored
    as `write_arrays` does.
    """
    check_bytes(expected, where)
    parts = ((file, *file.split("/")) for file in sums)
    headers = {names[1]: file for file, *names in parts if names[::2] == [ARRAYS, ".zarray"]}
    found = {
        name: parse_json(read_verified(directory, file, sums, _MAX_HEADER_BYTES), directory / file)
        for name, file in headers.items()
    }
    _check_types(
        {name: _type_in(header) for name, header in found.items()},
        _types(expected),
        where,
    )
    arrays = []
    for name, leaf in expected.items():
        if found[name] != _header(leaf):
            raise UserError(
                f"{directory / headers[name]}: expected one chunk, neither compressed nor filtered, "
                f"as fmnist-jax writes it; {REMEDY}"
            )
        size = _bytes(leaf)
        chunk = f"{ARRAYS}/{name}/{'.'.join('0' * max(1, len(leaf.shape)))}"
        content = read_verified(directory, chunk, sums, size)
        if len(content) != size:
            raise UserError(
                f"{directory / chunk}: holds {len(content)} bytes, expected {size}; {REMEDY}"
            )
        arrays.append(np.frombuffer(content, leaf.dtype).reshape(leaf.shape))
    check_finite(dict(zip(expected, arrays, strict=True)), directory)
    return arrays


def _header(leaf: Any) -> dict[str, Any]:
    """What `.zarray` says of an array."""
    shape = list(leaf.shape)
    return {
        "chunks": shape,
        "compressor": None,
        "dimension_separator": ".",
        "dtype": np.dtype(leaf.dtype).newbyteorder("<").str,
        "fill_value": None,
        "filters": None,
        "order": "C",
        "shape": shape,
        "zarr_format": 2,
    }


def by_name(tree: Any) -> dict[str, Any]:
    """The leaves by the names that Orbax gives them: parameters.0.W."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def check_layout(found: Mapping[str, Any], expected: Mapping[str, Any], where: Path | str) -> None:
    """Raise UserError where names, shapes or types of `found` aren't those of `expected`."""
    _check_types(_types(found), _types(expected), where)


def _types(named: Mapping[str, Any]) -> dict[str, str]:
    return {name: _type(leaf) for name, leaf in named.items()}


def _check_types(found: Mapping[str, str], expected: Mapping[str, str], where: Path | str) -> None:
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


def _type(leaf: Any) -> str:
    return f"{np.dtype(leaf.dtype)}{list(leaf.shape)}"


def _type_in(header: Any) -> str:
    """As `_type`, of what a file says, whatever that is."""
    if not isinstance(header, dict):
        return "no array"
    dtype = header.get("dtype")
    return f"{_DTYPES.get(str(dtype), shown(dtype))}{shown(header.get('shape'))}"


_DTYPES = {
    np.dtype(name).newbyteorder("<").str: name
    for name in ("float16", "float32", "float64", "int32", "int64", "uint8")
}


def check_bytes(expected: Mapping[str, Any], where: Path) -> None:
    """Raise UserError where arrays of these shapes and types would take more than `MAX_BYTES`."""
    total = sum(map(_bytes, expected.values()))
    if total > MAX_BYTES:
        raise UserError(
            f"{where}: the model's arrays take {total} bytes, more than the {MAX_BYTES} of a "
            "checkpoint; take a smaller model"
        )


def _bytes(leaf: Any) -> int:
    return math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize


def check_finite(arrays: Mapping[str, np.ndarray], where: Path) -> None:
    """Raise UserError for the first of the arrays that holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(
                f"{where}: {name} holds values that are not finite; train anew, with a smaller "
                "learning rate"
            )
