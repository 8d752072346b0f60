"""A checkpoint's metadata: JSON that describes its stages and where they came from."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from attrs import frozen

from fmnist_jax.config.codec import decode, encode
from fmnist_jax.config.fields import format_value
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models.names import NAMES
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.models.views import Views, one_view
from fmnist_jax.storage.manifest import parse_json

FORMAT_VERSION = 3
"""Version 1 kept its arrays in a database, version 2 one model of three kinds."""

MAX_STAGES = 16
"""More stages are refused before they are decoded."""


@frozen
class StageRecord:
    """A `FittedStage` without its arrays."""

    name: str
    model: ModelConfig
    scaling: Scaling
    features_of: str | None
    views: Views = one_view


@frozen
class Metadata:
    """What the metadata file holds."""

    format_version: int
    stages: tuple[StageRecord, ...]
    class_names: tuple[str, ...]
    metrics: dict[str, Any]
    run: dict[str, Any]
    data_checksum: str
    versions: dict[str, str]
    """Of Python and of the libraries that wrote the checkpoint."""


def stage_records(stages: Sequence[FittedStage]) -> tuple[StageRecord, ...]:
    """Describe the stages."""
    return tuple(
        StageRecord(stage.name, stage.model, stage.scaling, stage.features_of, stage.views)
        for stage in stages
    )


def library_versions() -> dict[str, str]:
    """Return the versions that a checkpoint records."""
    import orbax.checkpoint as ocp

    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "orbax-checkpoint": ocp.__version__,
    }


def encode_metadata(metadata: Metadata, path: Path) -> dict[str, object]:
    """Convert to JSON values. Raises UserError for values that JSON can't hold, NaN among them."""
    try:
        json.dumps([metadata.metrics, metadata.run], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: metrics and run must be finite JSON values: {error}") from error
    return encode(metadata, NAMES)


def decode_metadata(content: bytes, file: Path) -> Metadata:
    """Parse the metadata file. Raises UserError for another version and for invalid fields."""
    values = parse_json(content, file)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(
            f"{file}: format_version is {format_value(version)}, this fmnist-jax reads "
            f"{FORMAT_VERSION}; use the fmnist-jax that wrote the checkpoint, or train again"
        )
    stages = values.get("stages")
    if isinstance(stages, list) and len(stages) > MAX_STAGES:
        raise UserError(f"{file}: has {len(stages)} stages, more than the maximum of {MAX_STAGES}")
    return decode(Metadata, values, NAMES, file)
