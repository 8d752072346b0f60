"""A trained network as one directory: all that a prediction needs, and a checksum of every file.

    NAME/manifest.json        SHA-256 of every other file
    NAME/metadata/metadata    JSON: the fields of `metadata.Metadata`
    NAME/arrays/              a folder for each array, such as mlp.parameters.0.W
    NAME/_CHECKPOINT_METADATA

Orbax writes and restores the directory. What a file from a stranger may contain is checked before Orbax
opens it: see SECURITY.md.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from attrs import field, frozen

from fmnist_jax.checkpoint.format import (
    MAX_BYTES,
    METADATA,
    check_bytes,
    read_arrays,
    write_files,
)
from fmnist_jax.checkpoint.locate import find_checkpoint as find_checkpoint
from fmnist_jax.checkpoint.locate import newest_valid
from fmnist_jax.checkpoint.locate import shipped_checkpoints as shipped_checkpoints
from fmnist_jax.checkpoint.metadata import (
    FORMAT_VERSION,
    Metadata,
    StageRecord,
    decode_metadata,
    encode_metadata,
    library_versions,
    stage_records,
)
from fmnist_jax.config.model import Variables
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import FittedStage, fingerprint_stages
from fmnist_jax.storage.arrays import (
    array_types,
    check_finite,
    check_layout,
    flatten_paths,
    saving,
)
from fmnist_jax.storage.manifest import (
    MAX_JSON_BYTES,
    current_directory,
    read_verified,
    sealed_directory,
    verify,
)

MAX_LAYERS = 512
"""Stages with more layers in all are refused before they are built."""

MAX_FEATURES = 1 << 20
"""A stage with wider inputs is refused before its scaling is computed."""

MAX_NAME = 100
"""Largest number of characters of a class's name."""

_STAGE_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")  # it becomes part of file names
_MAX_MESSAGE = 1000  # a stranger's configuration may be quoted in it


@frozen(eq=False)
class Checkpoint:
    """A trained network with what is needed to use it and to know where it came from."""

    stages: tuple[FittedStage, ...] = field(converter=tuple)
    class_names: tuple[str, ...] = field(converter=tuple)
    metrics: Mapping[str, object]
    run: Mapping[str, object]
    data_checksum: str


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` as the directory `path`; at any moment the old one or the new one is there."""
    path = Path(path)
    stages = checkpoint.stages
    metadata = Metadata(
        FORMAT_VERSION,
        stage_records(stages),
        checkpoint.class_names,
        dict(checkpoint.metrics),
        dict(checkpoint.run),
        checkpoint.data_checksum,
        library_versions(),
    )
    values = encode_metadata(metadata, path)
    expected = flatten_paths(_expected(metadata.stages, checkpoint.class_names, path))
    arrays = {name: np.asarray(leaf) for name, leaf in flatten_paths(_tree(stages)).items()}
    check_layout(array_types(arrays), array_types(expected), path)
    check_bytes(expected, path)
    check_finite(arrays, path)
    check_features(stages, path)
    with sealed_directory(path) as directory, saving(path):
        write_files(directory, arrays, values)


def restore_checkpoint(path: str | Path) -> Checkpoint:
    """Read the checkpoint at `path`, checked before it is used; errors name the newest valid one nearby."""
    path = Path(path)
    while True:
        directory = current_directory(path)
        before = _identity(directory)
        try:
            return _restore(directory)
        except UserError as error:
            if before != _identity(current_directory(path)):
                continue
            message = str(error)
            if len(message) > _MAX_MESSAGE:
                message = f"{message[:_MAX_MESSAGE]} ..."
            if before is not None and (other := newest_valid(path, FORMAT_VERSION)):
                message += f"; the newest valid checkpoint nearby is {other}"
            raise UserError(message) from error


def _identity(directory: Path) -> tuple[int, int] | None:
    """Distinguishes a directory from another one of its name; None if there is none."""
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _restore(directory: Path) -> Checkpoint:
    checksums = verify(directory, MAX_BYTES + 2 * MAX_JSON_BYTES)
    where = directory / METADATA
    content = read_verified(directory, METADATA, checksums, MAX_JSON_BYTES)
    metadata = decode_metadata(content, where)
    expected = _expected(metadata.stages, metadata.class_names, where)
    found = read_arrays(directory, flatten_paths(expected), checksums, where)
    leaves = [found[name] for name in flatten_paths(expected)]
    tree = jax.tree.unflatten(jax.tree.structure(expected), leaves)
    check_features(_fitted(metadata.stages, tree), where)
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return Checkpoint(
        _fitted(metadata.stages, jax.device_put(tree, device)),
        metadata.class_names,
        metadata.metrics,
        metadata.run,
        metadata.data_checksum,
    )


def _tree(stages: Sequence[FittedStage]) -> dict[str, dict[str, object]]:
    """All arrays, as they are named in files: "mlp.parameters.0.W", "mlp.statistics.mean"."""
    return {
        stage.name: {**stage.variables._asdict(), "statistics": stage.statistics}
        for stage in stages
    }


def _fitted(records: Sequence[StageRecord], tree: dict[str, Any]) -> tuple[FittedStage, ...]:
    return tuple(
        FittedStage(
            record.name,
            record.model,
            record.scaling,
            Variables(tree[record.name]["parameters"], tree[record.name]["state"]),
            tree[record.name]["statistics"],
            record.features_of,
            record.views,
        )
        for record in records
    )


def check_features(stages: Sequence[FittedStage], where: Path | str) -> None:
    """Raise UserError unless each stage was trained on the features of those before it."""
    for number, stage in enumerate(stages):
        found = fingerprint_stages(stages[:number])
        if found != stage.features_of:
            raise UserError(
                f"{where}: stage {stage.name} was trained on the features of other stages (SHA-256 of "
                f"their arrays {stage.features_of}, found {found}); use it with those, or train it on "
                "the features of these"
            )


def _expected(
    records: Sequence[StageRecord], class_names: Sequence[str], where: Path
) -> dict[str, dict[str, object]]:
    """Shapes and types of the arrays that the configurations require; no large array is computed."""
    _check_names(records, class_names, where)
    layers = 0
    for record in records:
        layers += len(record.model.layers())
        if layers > MAX_LAYERS:
            raise UserError(f"{where}: more than {MAX_LAYERS} layers, which is the maximum")
    shape, dtype = IMAGE_SHAPE, np.uint8
    expected = {}
    for record in records:
        if math.prod(shape) > MAX_FEATURES:
            raise UserError(f"{where}: stage {record.name} has more than {MAX_FEATURES} inputs")
        if record.model.input_shape not in (shape, (math.prod(shape),)):
            raise UserError(
                f"{where}: stage {record.name} takes inputs of shape {record.model.input_shape}, and its "
                f"{'features' if expected else 'images'} have the shape {shape}; check its sizes"
            )
        variables = jax.eval_shape(record.model.build().init, jax.random.key(0))
        statistics = record.scaling.fit(np.zeros((1, *shape), dtype))
        expected[record.name] = {**variables._asdict(), "statistics": statistics}
        shape, dtype = (record.model.features,), np.float32
    classes = records[-1].model.classes
    if classes != len(class_names):
        raise UserError(
            f"{where}: the model has {classes} classes and class_names has {len(class_names)} names: "
            "give each class its name"
        )
    return expected


def _check_names(records: Sequence[StageRecord], class_names: Sequence[str], where: Path) -> None:
    names = [record.name for record in records]
    if not names or len(set(names)) < len(names) or not all(map(_STAGE_NAME.fullmatch, names)):
        raise UserError(
            f"{where}: stages must be one or more, with different names of letters, digits, - and _"
        )
    if not all(name.isprintable() and len(name) <= MAX_NAME for name in class_names):
        raise UserError(
            f"{where}: class_names must be printable, with at most {MAX_NAME} characters; rename them"
        )
