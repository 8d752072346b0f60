"""The trainings that `kill` kills, small ones, and all that they leave."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from experiments.engine import runner, store
from experiments.engine.spec import Experiment, Row
from fmnist_jax.cli import app, job, train  # noqa: F401 - what a process of the command line imports
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models import functional  # noqa: F401 - and a network's
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets.pipeline import pipeline
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam, momentum

MLP = (
    "train mlp --source synthetic --validation-fraction 0.6 --layer-sizes 784 12 10 --dropout 0.2 "
    "--optimizer adam --epochs 12 --batch-size 16 --patience 12"
).split()
PIPELINE = (
    "train --source synthetic --validation-fraction 0.8 --filters 2 2 3 3 4 --kernels 3 1 1 1 1 "
    "--hidden 8 --epochs 4 --batch-size 40 --mlp-training.epochs 8 --mlp-training.batch-size 16"
).split()

TRAINING = TrainingConfig(epochs=8, batch_size=10, optimizer=adam, patience=None)
EXPERIMENT = Experiment(
    module="experiments.killed",
    title="Killed and resumed",
    rows=(
        Row(
            "mlp",
            Run((Stage("mlp", MLPConfig((784, 12, 10), dropout=0.1), TRAINING, Z_SCORE),)),
        ),
        Row(
            "pipeline",
            pipeline(
                FiveConv(filters=(2, 2, 3, 3, 4), kernels=(3, 1, 1, 1, 1), hidden=8)
            ).with_training(epochs=3, batch_size=40, optimizer=momentum, seed=0),
        ),
    ),
    columns=("seconds",),
)


def command(words: Sequence[str]) -> Callable[[Path], int]:
    """`fmnist-jax WORDS`, its directory in the folder."""
    return lambda folder: app.main([*words, "--run-dir", str(folder / "run")])


def experiment(folder: Path) -> int:
    """`python -m experiments.killed`, on drawn pictures, its results in the folder."""
    store.RESULTS = folder / "results"
    load = runner.load_dataset

    def loaded(*words: Any) -> Any:
        return evolve(load(*words), release="official")

    runner.load_dataset = loaded
    runner.main(EXPERIMENT, ["--seeds", "1", "--source", "synthetic"])
    return 0


JOBS: dict[str, Callable[[Path], int]] = {
    "mlp": command(MLP),
    "pipeline": command(PIPELINE),
    "experiment": experiment,
}


def outcome(folder: Path) -> dict[str, Any]:
    """All that a finished run left and that must be equal: every bit except for clock times."""
    from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
    from tests.checkpoints import leaves

    left: dict[str, Any] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if "/checkpoint/" in name or name.endswith(".lock") or not file.is_file():
            continue
        left[name] = ""
        if name.endswith(".jsonl"):
            lines = file.read_text("utf-8").splitlines()
            left[name] = [without_clock(json.loads(line)) for line in lines]
        elif name.endswith(".json"):
            left[name] = without_clock(json.loads(file.read_text("utf-8")))
    if (folder / "run/checkpoint").exists():
        checkpoint = restore_checkpoint(folder / "run/checkpoint")
        bits = b"".join(leaf.tobytes() for leaf in leaves(checkpoint))
        left["weights"] = hashlib.sha256(bits).hexdigest()
        left["metrics"] = without_clock(dict(checkpoint.metrics))
    return json.loads(json.dumps(left))


def without_clock(values: Any) -> Any:
    """JSON without clock times."""
    if not isinstance(values, dict):
        return values
    return {
        name: without_clock(value)
        for name, value in values.items()
        if not name.endswith("seconds") and name != "finished"
    }
