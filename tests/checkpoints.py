"""A small checkpoint of any kind, and the stranger's means to alter one so that its manifest fits."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.checkpoint.arrays import METADATA
from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import Z_SCORE, Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.kinds import KINDS, kind_of
from fmnist_jax.models.pipeline_model import PipelineConfig, fingerprint
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
HEADER = "arrays/parameters.0.W/.zarray"
"""What the first layer's weights say of themselves."""

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)


def checkpoint(
    config: MLPConfig | ConvNetConfig | PipelineConfig = CONFIG,
    scaling: Scaling = Z_SCORE,
    seed: int = 0,
) -> Checkpoint:
    """An untrained model, as if trained."""
    kind = KINDS[kind_of(config)]
    parameters = kind.build(config).init(jax.random.key(seed))
    return Checkpoint(
        model=config,
        scaling=scaling,
        parameters=parameters,
        statistics=scaling.fit(IMAGES),
        class_names=CLASS_NAMES,
        metrics={"best_epoch": 3, "test": {"accuracy": 0.875}},
        run={"model": {"dropout": 0.25}, "seed": seed, "schedule": None},
        data_checksum="ab" * 32,
        extractor=kind.extractor and fingerprint(kind.extractor(parameters)),
    )


def leaves(saved: Checkpoint) -> list[np.ndarray]:
    """All arrays of a checkpoint."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves((saved.parameters, saved.statistics))]


def assert_same(found: Checkpoint, expected: Checkpoint) -> None:
    """Every field, and every bit of every array."""
    assert replace(found, parameters=None, statistics=None) == replace(
        expected, parameters=None, statistics=None
    )
    trees = [(saved.parameters, saved.statistics) for saved in (found, expected)]
    assert jax.tree.structure(trees[0]) == jax.tree.structure(trees[1])
    jax.tree.map(np.testing.assert_array_equal, *trees)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(trees[0]))


def refusal(path: Path) -> str:
    """The one line with which it is refused; AssertionError where it isn't."""
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
    sums = {
        file.relative_to(directory).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files(directory)
    }
    (directory / MANIFEST).write_text(json.dumps({"sha256": sums}))


def metadata(directory: Path) -> dict[str, Any]:
    """What the checkpoint says of itself."""
    return json.loads((directory / METADATA).read_text())


def write_metadata(directory: Path, values: Any) -> None:
    """Have it say something else."""
    (directory / METADATA).write_text(values if isinstance(values, str) else json.dumps(values))
    seal(directory)


def change_header(directory: Path, **change: Any) -> None:
    """The manifest is left as it is."""
    values = json.loads((directory / HEADER).read_text())
    (directory / HEADER).write_text(json.dumps({**values, **change}))


def change_metadata(directory: Path, change: dict) -> None:
    """As a stranger would; ... takes a field away."""
    values = {**metadata(directory), **change}
    write_metadata(directory, {name: value for name, value in values.items() if value != ...})
