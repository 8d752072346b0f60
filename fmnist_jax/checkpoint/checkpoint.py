"""A trained model as one directory: all that a prediction needs, and a checksum of every file.

    NAME/manifest.json        SHA-256 of every other file
    NAME/metadata/metadata    JSON: the fields of `Metadata`
    NAME/arrays/              parameters and scaling statistics, a folder an array
    NAME/_CHECKPOINT_METADATA

The directory is an Orbax checkpoint: Orbax writes it and can restore it. `restore_checkpoint` reads
it without Orbax, whose import takes seconds, and so that a stranger's checkpoint meets no reader but
JSON's and NumPy's: see SECURITY.md.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fmnist_jax.checkpoint.arrays import (
    MAX_BYTES,
    METADATA,
    by_name,
    check_bytes,
    check_finite,
    check_layout,
    read_arrays,
    write_arrays,
)
from fmnist_jax.checkpoint.locate import find_checkpoint as find_checkpoint
from fmnist_jax.checkpoint.locate import newest_good
from fmnist_jax.checkpoint.locate import shipped_checkpoints as shipped_checkpoints
from fmnist_jax.config.checks import shown
from fmnist_jax.config.codec import decode, encode
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.data.scaling import SCALINGS, Scaling, Statistics
from fmnist_jax.errors import UserError, unknown_name
from fmnist_jax.models.base import Model, Network, Parameters
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.kinds import KINDS, NAMES, kind_of
from fmnist_jax.models.pipeline_model import PipelineConfig, fingerprint
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.storage.manifest import (
    MAX_JSON_BYTES,
    parse_json,
    present,
    read_verified,
    sealed_directory,
    verify,
)

FORMAT_VERSION = 2
"""1 kept its arrays packed, in a database."""

MAX_LAYERS = 512
"""A model of more layers is refused before it is built."""

MAX_NAME = 100
"""The most characters of a class's name."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model with what is needed to use it and to know where it came from."""

    model: MLPConfig | ConvNetConfig | PipelineConfig
    scaling: Scaling
    parameters: Parameters
    """The pytree that the model's `init` draws."""
    statistics: Statistics
    """What `scaling.fit` found in the training images."""
    class_names: tuple[str, ...]
    metrics: Mapping[str, Any]
    """The model's scores, JSON-ready."""
    run: Mapping[str, Any]
    """The configuration of the run it came from, as `fmnist_jax.config.codec.encode` gives it."""
    data_checksum: str
    """`Dataset.checksum` of the data that it was trained on."""
    extractor: str | None = None
    """Of a pipeline: `fingerprint` of the network on whose features its MLP was trained."""

    @property
    def network(self) -> Model | Network:
        """The functions that go with the parameters."""
        return KINDS[kind_of(self.model)].build(self.model)


@dataclass(frozen=True)
class ModelRecord:
    """Which network a checkpoint holds."""

    kind: str
    configuration: dict[str, Any]


@dataclass(frozen=True)
class Metadata:
    """What a checkpoint says of itself, beside its arrays."""

    format_version: int
    model: ModelRecord
    scaling: str
    class_names: tuple[str, ...]
    metrics: dict[str, Any]
    run: dict[str, Any]
    data_checksum: str
    versions: dict[str, str]
    """Of Python and of the libraries that wrote the checkpoint."""
    extractor: str | None = None


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` as the directory `path`, in place of a checkpoint that is there already.

    Cut short at any moment, `restore_checkpoint(path)` gives the old checkpoint or the new one. One
    process at a time may save to `path`.

    Raises UserError for parameters that are not finite or don't fit the model, an MLP paired with a
    network that it wasn't trained on, a behaviour without a name, a path that holds something else,
    and what the file system refuses.
    """
    path = Path(path)
    metadata = asdict(_describe(checkpoint))
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: metrics and run must be finite JSON values: {error}") from error
    arrays = jax.tree.map(np.asarray, _tree(checkpoint.parameters, checkpoint.statistics))
    expected = _expected(checkpoint.model, checkpoint.scaling, checkpoint.class_names, path)
    check_layout(by_name(arrays), by_name(expected), path)
    check_bytes(by_name(expected), path)
    check_finite(by_name(arrays), path)
    _check_extractor(checkpoint.model, checkpoint.parameters, checkpoint.extractor, path)
    with sealed_directory(path) as directory:
        try:
            write_arrays(directory, arrays, metadata)
        except ValueError as error:  # what TensorStore makes of a full disk
            reason = str(error).partition(" [")[0]
            raise UserError(f"{path}: can't be written ({reason}); make room") from error


def restore_checkpoint(path: str | Path) -> Checkpoint:
    """Read the checkpoint at `path`, its arrays onto this process's first device.

    Every file is held against the manifest before any is believed, and the names, shapes, types and
    sizes of the arrays against what the configuration asks for before they are read. Where another
    process replaces the checkpoint meanwhile, it is the old one or the new one, whole.

    Raises UserError for a checkpoint that is missing, half-written, damaged or of another version,
    and for an MLP paired with a network that it wasn't trained on; it names the newest good
    checkpoint near by.
    """
    path = Path(path)
    while True:
        directory = present(path)
        found = _identity(directory)
        try:
            return _restore(directory)
        except UserError as error:
            if found != _identity(present(path)):
                continue
            message = str(error)
            if len(message) > _MAX_MESSAGE:
                message = f"{message[:_MAX_MESSAGE]} ..."
            if found is not None and (other := newest_good(path, FORMAT_VERSION)):
                message += f"; the newest good checkpoint near by is {other}"
            raise UserError(message) from error


_MAX_MESSAGE = 1000  # a stranger's configuration may be quoted in it


def _identity(directory: Path) -> tuple[int, int] | None:
    """What tells a directory from another of its name; None where there is none."""
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _restore(directory: Path) -> Checkpoint:
    sums = verify(directory, MAX_BYTES + 2 * MAX_JSON_BYTES)
    where = directory / METADATA
    metadata = _read_metadata(where, read_verified(directory, METADATA, sums, MAX_JSON_BYTES))
    if metadata.model.kind not in KINDS:
        raise UserError(f"{where}: {unknown_name('kind of model', metadata.model.kind, KINDS)}")
    if metadata.scaling not in SCALINGS:
        raise UserError(f"{where}: {unknown_name('scaling', metadata.scaling, SCALINGS)}")
    scaling = SCALINGS[metadata.scaling]
    kind = KINDS[metadata.model.kind]
    config = decode(kind.config, metadata.model.configuration, NAMES, where)
    expected = _expected(config, scaling, metadata.class_names, where)
    arrays = read_arrays(directory, by_name(expected), sums, where)
    structure = jax.tree.structure(expected)
    parameters = jax.tree.unflatten(structure, arrays)["parameters"]
    _check_extractor(config, parameters, metadata.extractor, where)
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    tree = jax.device_put(jax.tree.unflatten(structure, arrays), device)
    return Checkpoint(
        model=config,
        scaling=scaling,
        parameters=tree["parameters"],
        statistics=tree["statistics"],
        class_names=metadata.class_names,
        metrics=metadata.metrics,
        run=metadata.run,
        data_checksum=metadata.data_checksum,
        extractor=metadata.extractor,
    )


def _describe(checkpoint: Checkpoint) -> Metadata:
    import orbax.checkpoint as ocp

    if SCALINGS.get(checkpoint.scaling.name) != checkpoint.scaling:
        raise unknown_name("scaling", checkpoint.scaling.name, SCALINGS)
    return Metadata(
        format_version=FORMAT_VERSION,
        model=ModelRecord(kind_of(checkpoint.model), encode(checkpoint.model, NAMES)),
        scaling=checkpoint.scaling.name,
        class_names=tuple(checkpoint.class_names),
        metrics=dict(checkpoint.metrics),
        run=dict(checkpoint.run),
        data_checksum=checkpoint.data_checksum,
        versions={
            "python": platform.python_version(),
            "jax": jax.__version__,
            "numpy": np.__version__,
            "orbax-checkpoint": ocp.__version__,
        },
        extractor=checkpoint.extractor,
    )


def _check_extractor(
    config: Any, parameters: Parameters, extractor: str | None, where: Path
) -> None:
    of = KINDS[kind_of(config)].extractor
    if of is None:
        return
    found = fingerprint(of(parameters))
    if found != extractor:
        raise UserError(
            f"{where}: its MLP was trained on the features of another network (SHA-256 of the "
            f"parameters {extractor}, found {found}); pair it with that one, or train it on this one's"
        )


def _read_metadata(file: Path, content: bytes) -> Metadata:
    values = parse_json(content, file)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{file}: format_version is {shown(version)}, this fmnist-jax reads {FORMAT_VERSION}; "
            "use the fmnist-jax that wrote the checkpoint, or train anew"
        )
    return decode(Metadata, values, {}, file)


def _expected(
    config: Any, scaling: Scaling, class_names: tuple[str, ...], where: Path
) -> dict[str, Any]:
    """Shapes and types of the arrays that a configuration asks for; nothing is computed."""
    layers = _layers(config)
    if layers > MAX_LAYERS:
        raise UserError(f"{where}: the model has {layers} layers; {MAX_LAYERS} are the most")
    if not all(name.isprintable() and len(name) <= MAX_NAME for name in class_names):
        raise UserError(
            f"{where}: class_names must be of printable characters, {MAX_NAME} at most; rename them"
        )
    network = KINDS[kind_of(config)].build(config)
    parameters = jax.eval_shape(lambda: network.init(jax.random.key(0)))
    image = jax.ShapeDtypeStruct((1, *IMAGE_SHAPE), np.float32)
    try:
        classes = jax.eval_shape(network.apply, parameters, image).shape[-1]
    except TypeError as error:
        raise UserError(
            f"{where}: the model doesn't take images of {IMAGE_SHAPE}; check its sizes"
        ) from error
    if classes != len(class_names):
        raise UserError(
            f"{where}: the model tells {classes} classes apart, and class_names has "
            f"{len(class_names)}: give each class its name"
        )
    return _tree(parameters, scaling.fit(np.zeros((1, *IMAGE_SHAPE), np.uint8)))


def _layers(config: MLPConfig | ConvNetConfig | PipelineConfig) -> int:
    if isinstance(config, PipelineConfig):
        return _layers(config.network) + _layers(config.mlp)
    if isinstance(config, ConvNetConfig):
        return len(config.blocks) + len(config.hidden) + 1
    return len(config.layer_sizes) - 1


def _tree(parameters: Parameters, statistics: Statistics) -> dict[str, Any]:
    return {"parameters": parameters, "statistics": statistics}
