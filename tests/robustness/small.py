"""A small checkpoint, and the stranger's means to alter one so that its manifest fits."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fmnist_jax.checkpoint import Checkpoint
from fmnist_jax.checkpoint_arrays import METADATA
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.manifest import MANIFEST
from fmnist_jax.models import scratch_mlp
from fmnist_jax.scratch.activations import GELU
from fmnist_jax.scratch.mlp import MLPConfig

CONFIG = MLPConfig((784, 4, 10), activations=(GELU,))
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)


def checkpoint(seed: int = 0, config: MLPConfig = CONFIG) -> Checkpoint:
    """An untrained MLP."""
    return Checkpoint(
        model=config,
        scaling=Z_SCORE,
        parameters=scratch_mlp(config).init(jax.random.key(seed)),
        statistics=Z_SCORE.fit(IMAGES),
        class_names=CLASS_NAMES,
        metrics={"test": {"accuracy": 0.1}},
        run={"seed": seed},
        data_checksum="ab" * 32,
    )


def leaves(saved: Checkpoint) -> list[np.ndarray]:
    """All arrays of a checkpoint."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves((saved.parameters, saved.statistics))]


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
