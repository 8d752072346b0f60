"""An experiment of two small rows on the synthetic pictures."""

from dataclasses import replace

from experiments.engine.runner import Experiment, Options, Row
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.runs.run import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

SMALL = MLPRun(
    model=MLPConfig((784, 10)), training=TrainingConfig(epochs=2, batch_size=100, patience=None)
)
EXPERIMENT = Experiment(
    name="made",
    title="Made for a test",
    rows=(
        Row("slow", SMALL, {"test_accuracy": 50.0}),
        Row("fast", replace(SMALL, training=replace(SMALL.training, learning_rate=0.01))),
    ),
    columns=("test_accuracy", "best_epoch"),
)
OPTIONS = Options(seeds=2, data=DataConfig(source="synthetic"))
