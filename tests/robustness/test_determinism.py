"""The same seed gives the same bits: with and without progress bar, from command line and Python."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.cli import job
from fmnist_jax.cli.app import main
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.directory import make_result
from fmnist_jax.runs.presets.pipeline import pipeline
from fmnist_jax.runs.train import Hooks, assess, train
from fmnist_jax.scratch.initializers import he_normal
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord
from fmnist_jax.training.optimizers import momentum

DATA = DataConfig(source="synthetic", validation_fraction=0.3333)
TRAINING = TrainingConfig(
    epochs=3, batch_size=50, optimizer=momentum, learning_rate=0.01, patience=2, seed=7
)
COMMON = (
    "--source synthetic --validation-fraction 0.3333 --epochs 3 --batch-size 50 --optimizer momentum "
    "--learning-rate 0.01 --patience 2 --seed 7"
)
MLP_CONFIG = MLPConfig((784, 12, 10), dropout=0.3, initializer=he_normal)
MLP = Run((Stage("mlp", MLP_CONFIG, TRAINING, Z_SCORE),), DATA)
MLP_WORDS = (
    f"mlp {COMMON} --layer-sizes 784 12 10 --activations relu --dropout 0.3 --initializer he-normal"
)
PIPELINE = pipeline(
    FiveConv(filters=(2, 2, 3, 3, 4), kernels=(3, 1, 1, 1, 1), hidden=8),
    TRAINING,
    TrainingConfig(epochs=4, batch_size=50, seed=7),
    DATA,
)
PIPELINE_WORDS = (
    f"pipeline {COMMON} --schedule constant --filters 2 2 3 3 4 --kernels 3 1 1 1 1 --hidden 8 "
    "--mlp-training.epochs 4 --mlp-training.batch-size 50 --mlp-training.seed 7 "
    "--mlp-training.learning-rate 0.001"
)


def trained_by_command(words: str, directory: Path) -> dict[str, Any]:
    assert main(["train", *words.split(), "--run-dir", str(directory)]) == 0
    checkpoint = restore_checkpoint(directory / "checkpoint")
    return {
        "weights": bits(trees(checkpoint.stages)),
        "metrics": {file.name: file.read_text() for file in directory.glob("metrics*.jsonl")},
        "result": without_seconds(checkpoint.metrics),
    }


def trees(stages: Sequence[FittedStage]) -> list[Any]:
    return [(stage.variables, stage.statistics) for stage in stages]


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def without_seconds(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    return {k: without_seconds(v) for k, v in values.items() if not k.endswith("seconds")}


@pytest.mark.compiled_for_users
@pytest.mark.usefixtures("few_pictures", "blank_pictures")
@pytest.mark.parametrize(("run", "words"), [(MLP, MLP_WORDS), (PIPELINE, PIPELINE_WORDS)])
def test_the_same_seed_gives_the_same_bits(
    run: Run, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = trained_by_command(words, tmp_path / "plain")

    class Terminal(job.Console):
        """A console with a progress bar, whoever reads it."""

        def __init__(self, **named: Any) -> None:
            super().__init__(**named, force_terminal=True)

    monkeypatch.setattr(job, "Console", Terminal)
    assert trained_by_command(words, tmp_path / "with a bar") == plain

    if run is MLP:  # compiled again; the pipeline's programs would take too long
        jax.clear_caches()
    dataset = load_dataset(run.data, lambda line: None)
    lines: dict[str, list[str]] = {stage.name: [] for stage in run.stages}

    def note(stage: Stage, record: EpochRecord) -> None:
        lines[stage.name].append(repr(record))

    trained = train(run, dataset, Hooks(on_epoch=note))
    assert bits(trees(trained.fitted)) == plain["weights"]
    for stage in trained.stages:
        name = stage.fitted.name
        assert lines[name] == [repr(record) for record in stage.history]
        stored = [
            tuple(json_line.values())
            for json_line in map(json.loads, plain["metrics"][f"metrics_{name}.jsonl"].splitlines())
        ]
        assert stored == [tuple(record) for record in stage.history]
    assessed = {
        stage.fitted.name: assess(stage.fitted, stage.splits, dataset.class_names)
        for stage in trained.stages
    }
    assert without_seconds(make_result(trained, assessed, dataset)) == plain["result"]
