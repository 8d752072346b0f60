"""Convert checkpoints of format 2 to format 3, in place, to the same bits:

    python scripts/convert_checkpoints.py checkpoints/*

Format 2 held one model of kind "mlp", "cnn" or "pipeline"; format 3 holds its stages.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from attrs import frozen

from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint, save_checkpoint
from fmnist_jax.checkpoint.format import METADATA
from fmnist_jax.config.codec import decode
from fmnist_jax.config.model import ModelConfig, Variables
from fmnist_jax.data.scaling import SCALINGS
from fmnist_jax.models.names import NAMES
from fmnist_jax.models.stages import FittedStage, fingerprint, fingerprint_stages
from fmnist_jax.storage.arrays import flatten_paths
from fmnist_jax.storage.manifest import verify


def read_array(folder: Path) -> np.ndarray:
    """An array of format 2: one chunk that is not compressed."""
    header = json.loads((folder / ".zarray").read_text())
    (chunk,) = (file for file in folder.iterdir() if file.name != ".zarray")
    return np.frombuffer(chunk.read_bytes(), header["dtype"]).reshape(header["shape"])


def convert(path: Path) -> None:
    """Convert one checkpoint, and check that every array kept its bits."""
    verify(path, 1 << 30)
    arrays = {
        folder.name: read_array(folder) for folder in (path / "arrays").iterdir() if folder.is_dir()
    }
    old = json.loads((path / METADATA).read_text())
    assert old["format_version"] == 2
    kind, model = old["model"]["kind"], old["model"]["configuration"]
    run, metrics = dict(old["run"]), old["metrics"]
    if kind == "pipeline":
        stages = (
            fitted(
                "convnet",
                model["network"],
                old["scaling"],
                arrays,
                "parameters.network.",
                "statistics.",
            ),
            fitted(
                "mlp",
                model["mlp"],
                model["feature_scaling"],
                arrays,
                "parameters.mlp.",
                "parameters.feature_statistics.",
            ),
        )
        assert fingerprint(stages[0].variables.parameters) == old["extractor"]
        trainings = (run["network_training"], run["mlp_training"])
        scores = {
            "convnet": metrics["network"],
            "mlp": {**metrics["mlp"], "extraction_seconds": metrics["extraction_seconds"]},
        }
    else:
        name = {"mlp": "mlp", "cnn": "convnet"}[kind]
        stages = (fitted(name, model, old["scaling"], arrays, "parameters.", "statistics."),)
        trainings = (run["training"],)
        scores = {name: metrics}
    stages = tuple(
        FittedStage(
            stage.name, stage.model, stage.scaling, stage.variables, stage.statistics,
            fingerprint_stages(stages[:number]),
        )
        for number, stage in enumerate(stages)
    )  # fmt: skip
    models = (model["network"], model["mlp"]) if kind == "pipeline" else (model,)
    encoded = [
        {
            "name": stage.name,
            "model": {"type": stage.name, **configuration},
            "training": training,
            "scaling": stage.scaling.name,
        }
        for stage, configuration, training in zip(stages, models, trainings, strict=True)
    ]
    new = Checkpoint(
        stages,
        tuple(old["class_names"]),
        {"stages": scores},
        {"stages": encoded, "data": run["data"]},
        old["data_checksum"],
    )
    temp_path = path.with_name(f".{path.name}.format-3")
    shutil.rmtree(temp_path, ignore_errors=True)
    save_checkpoint(temp_path, new)
    check_bits(temp_path, arrays)
    shutil.rmtree(path)
    temp_path.rename(path)
    print(
        path,
        [stage.name for stage in stages],
        len(arrays),
        "arrays",
        (path / MANIFEST).stat().st_size,
    )


@frozen
class Described:
    """A model configuration as a field, so that its type is read from its JSON."""

    model: ModelConfig


def fitted(
    name: str, model: dict[str, Any], scaling: str, arrays: dict[str, np.ndarray], parameters: str, statistics: str
) -> FittedStage:  # fmt: skip
    """A stage from the arrays with these prefixes."""
    config = decode(Described, {"model": {"type": name, **model}}, NAMES, name).model
    expected = jax.eval_shape(lambda: config.build().init(jax.random.key(0)))
    paths = flatten_paths(expected.parameters)
    leaves = [arrays[parameters + path] for path in paths]
    tree = jax.tree.unflatten(jax.tree.structure(expected.parameters), leaves)
    found = {
        path.removeprefix(statistics): array
        for path, array in arrays.items()
        if path.startswith(statistics)
    }
    return FittedStage(name, config, SCALINGS[scaling], Variables(tree, {}), found)


def check_bits(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The new checkpoint holds the same arrays, to the bit."""
    leaves = []
    for stage in restore_checkpoint(path).stages:
        leaves += jax.tree.leaves((stage.variables, stage.statistics))
    assert sorted(np.asarray(leaf).tobytes() for leaf in leaves) == sorted(
        array.tobytes() for array in arrays.values()
    )


if __name__ == "__main__":
    for word in sys.argv[1:]:
        if Path(word).is_dir():
            convert(Path(word))
