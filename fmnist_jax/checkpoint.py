"""A trained model as one directory: all that a prediction needs, and a checksum of every file.

    NAME/manifest.json        SHA-256 of every other file
    NAME/metadata/metadata    JSON: the fields of `Metadata`
    NAME/arrays/              parameters and scaling statistics
    NAME/_CHECKPOINT_METADATA

The directory is an Orbax checkpoint: Orbax writes it and can restore it. `restore_checkpoint` reads
the arrays through TensorStore, on which Orbax is built: importing Orbax would make `predict` start
later.
"""

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import tensorstore

from fmnist_jax.configuration import decode, encode
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.data.scaling import SCALINGS, Scaling, Statistics
from fmnist_jax.errors import UserError, unknown_name
from fmnist_jax.manifest import REMEDY, is_sealed, present, read_json, sealed_directory, verify
from fmnist_jax.models import Model, Parameters, scratch_mlp
from fmnist_jax.scratch import NAMES
from fmnist_jax.scratch.mlp import MLPConfig

FORMAT_VERSION = 1

METADATA = "metadata/metadata"
ARRAYS = "arrays"


class Kind(NamedTuple):
    """A kind of model that a checkpoint may hold."""

    config: type
    """The dataclass that describes such a model."""
    build: Callable[[Any], Model]
    """The configuration to the network; the same object for the same configuration."""


KINDS = {"mlp": Kind(MLPConfig, scratch_mlp)}


@dataclass(frozen=True)
class Checkpoint:
    """A trained model with what is needed to use it and to know where it came from."""

    model: MLPConfig
    scaling: Scaling
    parameters: Parameters
    """The pytree that the model's `init` draws."""
    statistics: Statistics
    """What `scaling.fit` found in the training images."""
    class_names: tuple[str, ...]
    metrics: Mapping[str, Any]
    """The model's scores, JSON-ready."""
    run: Mapping[str, Any]
    """The configuration of the run it came from, as `fmnist_jax.configuration.encode` gives it."""
    data_checksum: str
    """`Dataset.checksum` of the data that it was trained on."""

    @property
    def network(self) -> Model:
        """The functions that go with the parameters."""
        return KINDS[_kind_of(self.model)].build(self.model)


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


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` as the directory `path`, in place of a checkpoint that is there already.

    Cut short at any moment, `restore_checkpoint(path)` gives the old checkpoint or the new one. One
    process at a time may save to `path`.

    Raises UserError for parameters that are not finite or don't fit the model, a behaviour without
    a name, a path that holds something else, and what the file system refuses.
    """
    path = Path(path)
    metadata = asdict(_describe(checkpoint))
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: metrics and run must be finite JSON values: {error}") from error
    arrays = jax.tree.map(np.asarray, _tree(checkpoint.parameters, checkpoint.statistics))
    expected = _expected(checkpoint.model, checkpoint.scaling, checkpoint.class_names, path)
    _check_layout(_by_name(arrays), _by_name(expected), path)
    _check_finite(_by_name(arrays), path)
    with sealed_directory(path) as directory:
        try:
            _write(directory, arrays, metadata)
        except ValueError as error:  # what TensorStore makes of a full disk
            reason = str(error).partition(" [")[0]
            raise UserError(f"{path}: can't be written ({reason}); make room") from error


def restore_checkpoint(path: str | Path) -> Checkpoint:
    """Read the checkpoint at `path`, its arrays onto this process's first device.

    Every file is held against the manifest before any is believed, and the names, shapes and types
    of the arrays against what the configuration asks for before they are read.

    Raises UserError for a checkpoint that is missing, half-written, damaged or of another version.
    """
    directory = present(Path(path))
    verify(directory)
    where = directory / METADATA
    metadata = _read_metadata(where)
    if metadata.model.kind not in KINDS:
        raise UserError(f"{where}: {unknown_name('kind of model', metadata.model.kind, KINDS)}")
    if metadata.scaling not in SCALINGS:
        raise UserError(f"{where}: {unknown_name('scaling', metadata.scaling, SCALINGS)}")
    scaling = SCALINGS[metadata.scaling]
    kind = KINDS[metadata.model.kind]
    config = decode(kind.config, metadata.model.configuration, NAMES, where)
    expected = _expected(config, scaling, metadata.class_names, where)
    arrays = _read_arrays(directory / ARRAYS, _by_name(expected), where)
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    tree = jax.device_put(jax.tree.unflatten(jax.tree.structure(expected), arrays), device)
    return Checkpoint(
        model=config,
        scaling=scaling,
        parameters=tree["parameters"],
        statistics=tree["statistics"],
        class_names=metadata.class_names,
        metrics=metadata.metrics,
        run=metadata.run,
        data_checksum=metadata.data_checksum,
    )


def find_checkpoint(path_or_name: str | Path) -> Path:
    """The checkpoint meant: by its directory, by the directory of its run, or by a shipped one's name.

    Raises UserError, with the names of the shipped ones, where there is no such checkpoint, and for
    one that may not be read.
    """
    path = Path(path_or_name)
    try:
        for candidate in (path, path / "checkpoint"):
            if is_sealed(present(candidate)):
                return candidate
        shipped = shipped_checkpoints()
        if str(path_or_name) in shipped:
            return shipped[str(path_or_name)]
        found = "no checkpoint in there, or a half-written one" if path.exists() else "not found"
    except (OSError, ValueError) as error:
        raise UserError(f"{path_or_name!r}: can't be a path ({error}); check it") from error
    raise UserError(
        f"{path_or_name}: {found}; name the directory of a checkpoint or of a run, or a checkpoint "
        f"that ships with fmnist-jax: {', '.join(sorted(shipped)) or 'none here'}"
    )


def shipped_checkpoints() -> dict[str, Path]:
    """The checkpoints that come with the package, by name: those of the wheel or of the clone."""
    package = Path(__file__).parent
    return {
        directory.name: directory
        for root in (package.parent / "checkpoints", package / "checkpoints")
        for directory in sorted(root.glob("*"))
        if is_sealed(directory)
    }


def _describe(checkpoint: Checkpoint) -> Metadata:
    import orbax.checkpoint as ocp

    if SCALINGS.get(checkpoint.scaling.name) != checkpoint.scaling:
        raise unknown_name("scaling", checkpoint.scaling.name, SCALINGS)
    return Metadata(
        format_version=FORMAT_VERSION,
        model=ModelRecord(_kind_of(checkpoint.model), encode(checkpoint.model, NAMES)),
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
    )


def _kind_of(config: Any) -> str:
    for name, kind in KINDS.items():
        if isinstance(config, kind.config):
            return name
    raise unknown_name("kind of model", type(config).__name__, KINDS)


def _write(directory: Path, arrays: Any, metadata: dict[str, Any]) -> None:
    import orbax.checkpoint as ocp

    # The layout is pinned: `_read_arrays` reads this one.
    handler = ocp.CompositeCheckpointHandler(
        arrays=ocp.PyTreeCheckpointHandler(use_ocdbt=True, use_zarr3=False),
        metadata=ocp.JsonCheckpointHandler(),
    )
    items = ocp.args.Composite(
        arrays=ocp.args.PyTreeSave(arrays), metadata=ocp.args.JsonSave(metadata)
    )
    with ocp.Checkpointer(handler) as checkpointer:
        checkpointer.save(directory, items)
    # These hold the path of the machine that wrote them; Orbax restores without them.
    for file in list(directory.rglob("commit_success.txt")):
        file.unlink()


def _read_metadata(file: Path) -> Metadata:
    values = read_json(file)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{file}: format_version is {version!r}, this fmnist-jax reads {FORMAT_VERSION}; "
            "use the fmnist-jax that wrote the checkpoint, or train anew"
        )
    return decode(Metadata, values, {}, file)


def _read_arrays(directory: Path, expected: Mapping[str, Any], where: Path) -> list[np.ndarray]:
    """The arrays of the names, shapes and types in `expected`, in its order."""
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
        _check_layout(found, expected, where)
        reading = [stores[name].read() for name in expected]
        arrays = [np.asarray(array.result()) for array in reading]
    except (ValueError, OSError) as error:
        reason = str(error).partition(" [")[0]
        raise UserError(f"{directory}: the arrays can't be read ({reason}); {REMEDY}") from error
    _check_finite(dict(zip(expected, arrays, strict=True)), directory)
    return arrays


def _expected(
    config: Any, scaling: Scaling, class_names: tuple[str, ...], where: Path
) -> dict[str, Any]:
    """Shapes and types of the arrays that a configuration asks for; nothing is computed."""
    network = KINDS[_kind_of(config)].build(config)
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


def _tree(parameters: Parameters, statistics: Statistics) -> dict[str, Any]:
    return {"parameters": parameters, "statistics": statistics}


def _by_name(tree: Any) -> dict[str, Any]:
    """The leaves by the names that Orbax gives them: parameters.0.W."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _check_layout(found: Mapping[str, Any], expected: Mapping[str, Any], where: Path) -> None:
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


def _check_finite(arrays: Mapping[str, np.ndarray], where: Path) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(
                f"{where}: {name} holds values that are not finite; train anew, with a smaller "
                "learning rate"
            )
