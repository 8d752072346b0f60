"""The files of a checkpoint: written by Orbax, checked one by one, then restored by Orbax.

Arrays are stored as Zarr 2, each as one chunk that is neither compressed nor filtered: `NAME/.zarray` gives
type and shape, `NAME/0.0` holds the values and nothing else. So the configuration determines every file and
its size, all is checked before Orbax opens a file, and there is nothing to decompress.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_jax.config.fields import format_value
from fmnist_jax.errors import UserError
from fmnist_jax.storage.arrays import (
    Shaped,
    array_bytes,
    array_types,
    check_finite,
    check_layout,
    first_process_alone,
    reserve_space,
    restoring,
)
from fmnist_jax.storage.manifest import (
    REMEDY,
    Checksums,
    check_sha256,
    parse_json,
    read_verified,
    reading,
)

METADATA = "metadata/metadata"
ARRAYS = "arrays"
TREE = f"{ARRAYS}/_METADATA"
"""Where Orbax lists the arrays and how they are stored."""
ITEMS = "_CHECKPOINT_METADATA"
"""Where Orbax lists the items "arrays" and "metadata"; not used here."""

MAX_BYTES = 1 << 30
"""Largest total size of a checkpoint's arrays: a hundred times those of the reports' largest network."""

_MAX_HEADER_BYTES = 4096
_MAX_TREE_BYTES = 1 << 20

_DTYPES = {
    np.dtype(name).newbyteorder("<").str: name
    for name in ("float16", "float32", "float64", "int32", "int64", "uint8")
}


def write_files(
    directory: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, object]
) -> None:
    """Write the arrays and the metadata, JSON values, as an Orbax checkpoint."""
    import orbax.checkpoint as ocp

    alone = first_process_alone("checkpoint")
    handler = ocp.CompositeCheckpointHandler(
        composite_options=ocp.CompositeOptions(multiprocessing_options=alone),
        arrays=_handler(),
        metadata=ocp.JsonCheckpointHandler(multiprocessing_options=alone),
    )
    items = ocp.args.Composite(
        arrays=ocp.args.PyTreeSave(dict(arrays)), metadata=ocp.args.JsonSave(metadata)
    )
    reserve_space(directory.with_name("space"), arrays)
    with ocp.Checkpointer(handler, multiprocessing_options=alone) as checkpointer:
        checkpointer.save(directory, items)
    # These contain the path at which they were written; Orbax restores without them.
    for file in list(directory.rglob("commit_success.txt")):
        file.unlink()


def read_arrays(
    directory: Path, expected: Mapping[str, Shaped], checksums: Checksums, where: Path
) -> dict[str, np.ndarray]:
    """Restore the `expected` arrays; what `write_files` would not write is refused before it is opened."""
    check_bytes(expected, where)
    _check_headers(directory, expected, checksums, where)
    _check_files(directory, expected, checksums)
    _check_tree(directory, expected, checksums)
    arrays = _restore(directory / ARRAYS, expected)
    check_layout(array_types(arrays), array_types(expected), where)
    for name, array in arrays.items():
        chunk = _chunk(name, expected[name])
        check_sha256(np.ascontiguousarray(array).data, directory / chunk, checksums[chunk])
    check_finite(arrays, directory)
    return arrays


def check_bytes(expected: Mapping[str, Shaped], where: Path) -> None:
    """Raise UserError if arrays of these shapes and types would take more than `MAX_BYTES`."""
    total = sum(map(array_bytes, expected.values()))
    if total > MAX_BYTES:
        raise UserError(
            f"{where}: the model's arrays take {total} bytes, more than the maximum of {MAX_BYTES} "
            "for a checkpoint; use a smaller model"
        )


def zarr_header(leaf: Shaped) -> dict[str, object]:
    """Return the contents of an array's `.zarray`."""
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


def _handler() -> Any:
    import orbax.checkpoint as ocp

    return ocp.PyTreeCheckpointHandler(
        use_ocdbt=False,
        use_zarr3=False,
        use_compression=False,
        multiprocessing_options=first_process_alone("checkpoint"),
    )


def _header(name: str) -> str:
    return f"{ARRAYS}/{name}/.zarray"


def _chunk(name: str, leaf: Shaped) -> str:
    return f"{ARRAYS}/{name}/{'.'.join('0' * max(1, len(leaf.shape)))}"


def _check_headers(
    directory: Path, expected: Mapping[str, Shaped], checksums: Checksums, where: Path
) -> None:
    parts = ((file, *file.split("/")) for file in checksums)
    files = {names[1]: file for file, *names in parts if names[::2] == [ARRAYS, ".zarray"]}
    headers = {
        name: parse_json(
            read_verified(directory, file, checksums, _MAX_HEADER_BYTES), directory / file
        )
        for name, file in files.items()
    }
    found = {name: _type_in(header) for name, header in headers.items()}
    check_layout(found, array_types(expected), where)
    for name, leaf in expected.items():
        if headers[name] != zarr_header(leaf):
            raise UserError(
                f"{directory / files[name]}: expected one chunk, neither compressed nor filtered, "
                f"as fmnist-jax writes it; {REMEDY}"
            )


def _type_in(header: object) -> str:
    """The type and shape in a header, whose contents may be anything, as `array_type` returns them."""
    if not isinstance(header, dict):
        return "no array"
    dtype = header.get("dtype")
    return f"{_DTYPES.get(str(dtype), format_value(dtype))}{format_value(header.get('shape'))}"


def _check_files(directory: Path, expected: Mapping[str, Shaped], checksums: Checksums) -> None:
    chunks = {_chunk(name, leaf): leaf for name, leaf in expected.items()}
    known = {METADATA, ITEMS, TREE, *map(_header, expected), *chunks}
    for name in sorted(checksums.keys() ^ known):
        problem = "not a file of a checkpoint; remove it"
        if name in known:
            problem = f"missing; {REMEDY}"
        raise UserError(f"{directory / name}: {problem}")
    for name, leaf in chunks.items():
        with reading(directory / name):
            size = (directory / name).stat().st_size
        if size != array_bytes(leaf):
            raise UserError(
                f"{directory / name}: holds {size} bytes, expected {array_bytes(leaf)}; {REMEDY}"
            )


def _check_tree(directory: Path, expected: Mapping[str, Shaped], checksums: Checksums) -> None:
    """Orbax takes the storage format from this file."""
    file = directory / TREE
    values = parse_json(read_verified(directory, TREE, checksums, _MAX_TREE_BYTES), file)
    try:
        keys = [
            [step["key"] for step in entry["key_metadata"]]
            for entry in values["tree_metadata"].values()
        ]
        is_plain = values["use_ocdbt"] is False and values["use_zarr3"] is False
        is_known = is_plain and sorted(keys) == sorted([name] for name in expected)
    except (AttributeError, KeyError, TypeError):
        is_known = False
    if not is_known:
        raise UserError(f"{file}: doesn't list the arrays as fmnist-jax writes it; {REMEDY}")


def _restore(directory: Path, expected: Mapping[str, Shaped]) -> dict[str, np.ndarray]:
    import orbax.checkpoint as ocp

    restore = ocp.args.PyTreeRestore(
        item=dict(expected),
        restore_args={name: ocp.RestoreArgs(restore_type=np.ndarray) for name in expected},
    )
    with restoring(directory):
        return _handler().restore(directory, args=restore)
