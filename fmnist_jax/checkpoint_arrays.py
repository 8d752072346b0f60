"""A checkpoint's arrays: by the names that Orbax gives them, checked, and read through TensorStore."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tensorstore

from fmnist_jax.errors import UserError
from fmnist_jax.manifest import REMEDY


def read_arrays(directory: Path, expected: Mapping[str, Any], where: Path) -> list[np.ndarray]:
    """The arrays of the names, shapes and types in `expected`, in its order.

    `where` names what asks for them. Raises UserError for other arrays and for what can't be read.
    """
    database = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{directory.resolve()}/"}}
    try:
        keys = tensorstore.KvStore.open(database).result().list().result()
        opening = {
            name: tensorstore.open(
                {"driver": "zarr", "kvstore": {**database, "path": f"{name}/"}},
                open=True,
                read=True,
            )
            for name in {key.decode().rpartition("/")[0] for key in keys}
        }
        stores = {name: store.result() for name, store in opening.items()}
        found = {
            name: jax.ShapeDtypeStruct(store.shape, store.dtype.numpy_dtype)
            for name, store in stores.items()
        }
        check_layout(found, expected, where)
        reading = [stores[name].read() for name in expected]
        arrays = [np.asarray(array.result()) for array in reading]
    except (ValueError, OSError) as error:
        reason = str(error).partition(" [")[0]
        raise UserError(f"{directory}: the arrays can't be read ({reason}); {REMEDY}") from error
    check_finite(dict(zip(expected, arrays, strict=True)), directory)
    return arrays


def by_name(tree: Any) -> dict[str, Any]:
    """The leaves by the names that Orbax gives them: parameters.0.W."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def check_layout(found: Mapping[str, Any], expected: Mapping[str, Any], where: Path | str) -> None:
    """Raise UserError where names, shapes or types of `found` aren't those of `expected`."""
    reasons = [f"{name} is missing" for name in expected if name not in found]
    reasons += [f"{name} is unknown" for name in sorted(found) if name not in expected]
    reasons += [
        f"{name} is {_type(found[name])}, not {_type(leaf)}"
        for name, leaf in expected.items()
        if name in found and _type(found[name]) != _type(leaf)
    ]
    if reasons:
        raise UserError(
            f"{where}: the arrays don't fit the model's configuration: {', '.join(reasons)}; "
            "use the configuration that they were trained with"
        )


def _type(leaf: Any) -> str:
    return f"{np.dtype(leaf.dtype)}{list(leaf.shape)}"


def check_finite(arrays: Mapping[str, np.ndarray], where: Path) -> None:
    """Raise UserError for the first of the arrays that holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(
                f"{where}: {name} holds values that are not finite; train anew, with a smaller "
                "learning rate"
            )
