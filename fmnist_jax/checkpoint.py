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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fmnist_jax.checkpoint_arrays import by_name, check_finite, check_layout, read_arrays
from fmnist_jax.configuration import decode, encode
from fmnist_jax.data.dataset import IMAGE_SHAPE
from fmnist_jax.data.scaling import SCALINGS, Scaling, Statistics
from fmnist_jax.errors import UserError, unknown_name
from fmnist_jax.kinds import KINDS, NAMES, kind_of
from fmnist_jax.manifest import is_sealed, present, read_json, sealed_directory, verify
from fmnist_jax.models import Model, Network, Parameters
from fmnist_jax.networks.config import ConvNetConfig
from fmnist_jax.pipeline_model import PipelineConfig, fingerprint
from fmnist_jax.scratch.mlp import MLPConfig

FORMAT_VERSION = 1

METADATA = "metadata/metadata"
ARRAYS = "arrays"


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
    """The configuration of the run it came from, as `fmnist_jax.configuration.encode` gives it."""
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
    check_finite(by_name(arrays), path)
    _check_extractor(checkpoint.model, checkpoint.parameters, checkpoint.extractor, path)
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

    Raises UserError for a checkpoint that is missing, half-written, damaged or of another version,
    and for an MLP paired with a network that it wasn't trained on.
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
    arrays = read_arrays(directory / ARRAYS, by_name(expected), where)
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


def _write(directory: Path, arrays: Any, metadata: dict[str, Any]) -> None:
    import orbax.checkpoint as ocp

    # The layout is pinned: `read_arrays` reads this one.
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


def _expected(
    config: Any, scaling: Scaling, class_names: tuple[str, ...], where: Path
) -> dict[str, Any]:
    """Shapes and types of the arrays that a configuration asks for; nothing is computed."""
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


def _tree(parameters: Parameters, statistics: Statistics) -> dict[str, Any]:
    return {"parameters": parameters, "statistics": statistics}
