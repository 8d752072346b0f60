"""A small checkpoint of any stages, and a stranger's means to change one so that its manifest fits."""

import hashlib
import json
from pathlib import Path
from typing import Any

import attrs
import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint
from fmnist_jax.checkpoint.format import METADATA
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import Z_SCORE, Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models.names import NAMES
from fmnist_jax.models.stages import FittedStage, fingerprint_stages
from fmnist_jax.scratch import initializers
from fmnist_jax.scratch.activations import GELU, TANH
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.storage.manifest import MANIFEST

CONFIG = MLPConfig(
    layer_sizes=(784, 4, 5, 10),
    activations=(GELU, TANH),
    dropout=0.25,
    initializer=initializers.xavier_uniform,
    l2=1e-4,
    loss=SOFTMAX_TWICE,
)
WEIGHTS = "arrays/mlp.parameters.0.W"
"""The folder of the first layer's weights."""
HEADER = f"{WEIGHTS}/.zarray"
TREE = "arrays/_METADATA"

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)

Models = ModelConfig | tuple[ModelConfig, ...]


def checkpoint(models: Models = CONFIG, scaling: Scaling = Z_SCORE, seed: int = 0) -> Checkpoint:
    """Untrained stages, as if trained; `scaling` is the first one's."""
    stages: tuple[FittedStage, ...] = ()
    inputs = IMAGES
    names = {kind: name for name, kind in NAMES[ModelConfig].items()}
    for config in models if isinstance(models, tuple) else (models,):
        key = jax.random.fold_in(jax.random.key(seed), len(stages))
        stage = FittedStage(
            names[type(config)],
            config,
            scaling,
            config.build().init(key),
            scaling.fit(inputs),
            fingerprint_stages(stages),
        )
        stages = (*stages, stage)
        inputs = np.random.default_rng(seed).random((20, config.features), np.float32)
        scaling = Z_SCORE
    return Checkpoint(
        stages=stages,
        class_names=CLASS_NAMES,
        metrics={"best_epoch": 3, "test": {"accuracy": 0.875}},
        run={"model": {"dropout": 0.25}, "seed": seed, "schedule": None},
        data_checksum="ab" * 32,
    )


def with_stages(saved: Checkpoint, *stages: FittedStage) -> Checkpoint:
    """The checkpoint with other stages."""
    return attrs.evolve(saved, stages=stages)


def trees(saved: Checkpoint) -> list[Any]:
    """The arrays of each stage."""
    return [(stage.variables, stage.statistics) for stage in saved.stages]


def leaves(saved: Checkpoint) -> list[np.ndarray]:
    """All arrays of a checkpoint."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trees(saved))]


def assert_same(found: Checkpoint, expected: Checkpoint) -> None:
    """Every field, and every bit of every array."""
    for one, other in zip(found.stages, expected.stages, strict=True):
        for name in ("name", "model", "scaling", "features_of"):
            assert getattr(one, name) == getattr(other, name)
    for name in ("class_names", "metrics", "run", "data_checksum"):
        assert getattr(found, name) == getattr(expected, name)
    assert jax.tree.structure(trees(found)) == jax.tree.structure(trees(expected))
    jax.tree.map(np.testing.assert_array_equal, trees(found), trees(expected))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(trees(found)))


def refusal(path: Path) -> str:
    """The one line with which it is refused; AssertionError if it isn't."""
    try:
        restore_checkpoint(path)
    except UserError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 1500
        return message
    raise AssertionError(f"{path} was restored")


def files(directory: Path) -> list[Path]:
    """All files below the directory, in a fixed order."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def seal(directory: Path) -> None:
    """Make the manifest fit what is there."""
    (directory / MANIFEST).unlink(missing_ok=True)
    checksums = {
        file.relative_to(directory).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files(directory)
    }
    (directory / MANIFEST).write_text(json.dumps({"sha256": checksums}))


def metadata(directory: Path) -> dict[str, Any]:
    """What the metadata file holds."""
    return json.loads((directory / METADATA).read_text())


def write_metadata(directory: Path, values: Any) -> None:
    """Replace the metadata; the manifest fits."""
    (directory / METADATA).write_text(values if isinstance(values, str) else json.dumps(values))
    seal(directory)


def change_header(directory: Path, **change: Any) -> None:
    """The manifest is left as it is."""
    values = json.loads((directory / HEADER).read_text())
    (directory / HEADER).write_text(json.dumps({**values, **change}))


def change_metadata(directory: Path, change: dict) -> None:
    """As a stranger would; ... removes a field."""
    values = {**metadata(directory), **change}
    write_metadata(directory, {name: value for name, value in values.items() if value != ...})


def stages_json(directory: Path, *stages: dict) -> list[dict[str, Any]]:
    """The stages of the metadata, each with these fields changed; ... removes a field."""
    changed = [
        {**stage, **change}
        for stage, change in zip(metadata(directory)["stages"], stages, strict=True)
    ]
    return [{name: value for name, value in stage.items() if value is not ...} for stage in changed]


def change_stage(directory: Path, **change: Any) -> None:
    """Change fields of the only stage, as a stranger would."""
    change_metadata(directory, {"stages": stages_json(directory, change)})
