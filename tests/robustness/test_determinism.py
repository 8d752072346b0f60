"""The same seed gives the same bits: with and without progress bar, from command line and Python."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.runs.pipeline import PipelineRun, train_pipeline
from fmnist_jax.runs.run import MLPRun

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.cli import job
from fmnist_jax.cli.app import main
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.directory import result_of
from fmnist_jax.scratch.initializers import he_normal
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import momentum

DATA = DataConfig(source="synthetic", validation_fraction=0.3333)
TRAINING = TrainingConfig(
    epochs=3, batch_size=50, optimizer=momentum, learning_rate=0.01, patience=2, seed=7
)
COMMON = (
    "--source synthetic --validation-fraction 0.3333 --epochs 3 --batch-size 50 --optimizer momentum "
    "--learning-rate 0.01 --patience 2 --seed 7"
)
MLP = MLPRun(MLPConfig((784, 12, 10), dropout=0.3, initializer=he_normal), TRAINING, data=DATA)
MLP_WORDS = (
    f"mlp {COMMON} --layer-sizes 784 12 10 --activations relu --dropout 0.3 --initializer he-normal"
)
PIPELINE = PipelineRun.of(
    FiveConv(filters=(2, 2, 3, 3, 4), kernels=(3, 1, 1, 1, 1), hidden=8),
    network_training=TRAINING,
    mlp_training=TrainingConfig(epochs=4, batch_size=50, seed=7),
    data=DATA,
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
        "weights": bits((checkpoint.parameters, checkpoint.statistics)),
        "metrics": {file.name: file.read_text() for file in directory.glob("metrics*.jsonl")},
        "result": without_seconds(checkpoint.metrics),
    }


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def without_seconds(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    return {k: without_seconds(v) for k, v in values.items() if not k.endswith("seconds")}


@pytest.mark.usefixtures("few_pictures", "blank_pictures")
@pytest.mark.parametrize(("run", "words"), [(MLP, MLP_WORDS), (PIPELINE, PIPELINE_WORDS)])
def test_the_same_seed_gives_the_same_bits(
    run: MLPRun | PipelineRun, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = trained_by_command(words, tmp_path / "plain")

    class Terminal(job.Console):
        """A console with a progress bar, whoever reads it."""

        def __init__(self, **named: Any) -> None:
            super().__init__(**named, force_terminal=True)

    monkeypatch.setattr(job, "Console", Terminal)
    assert trained_by_command(words, tmp_path / "with a bar") == plain

    if run is MLP:  # compiled anew; the pipeline's programs would take too long
        jax.clear_caches()
    dataset = load_dataset(run.data, lambda line: None)
    lines: dict[str, list[str]] = {"network": [], "mlp": [], "": []}

    def noted(part: str) -> runs.OnEpoch:
        return lambda state, record: lines[part].append(repr(record))

    if isinstance(run, PipelineRun):
        trained = train_pipeline(run, dataset, noted("network"), noted("mlp"))
        parts = {"network": trained.network, "mlp": trained.mlp}
    else:
        trained = runs.train(run, dataset, noted(""))
        parts = {"": trained}
    assert bits((trained.parameters, trained.statistics)) == plain["weights"]
    for part, one in parts.items():
        assert lines[part] == [repr(record) for record in one.history]
        name = f"metrics_{part}.jsonl" if part else "metrics.jsonl"
        kept = [
            tuple(json_line.values())
            for json_line in map(json.loads, plain["metrics"][name].splitlines())
        ]
        assert kept == [tuple(record) for record in one.history]
    assessed = job.assess_parts(trained, dataset)
    assert without_seconds(result_of(trained, assessed)) == plain["result"]
