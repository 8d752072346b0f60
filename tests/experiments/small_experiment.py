"""An experiment of two small rows on the synthetic pictures."""

from experiments.engine.configuration import change
from experiments.engine.runner import Options
from experiments.engine.spec import Experiment, Row
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

TRAINING = TrainingConfig(epochs=2, batch_size=100, patience=None)
SMALL = Run((Stage("mlp", MLPConfig((784, 10)), TRAINING, UNIT),))
EXPERIMENT = Experiment(
    module="experiments.made.small",
    title="Made for a test",
    rows=(
        Row("slow", SMALL, {"test_accuracy": 50.0}),
        Row("fast", change(SMALL, "mlp", training={"learning_rate": 0.01})),
    ),
    columns=("test_accuracy", "best_epoch"),
)
OPTIONS = Options(seeds=2, data=DataConfig(source="synthetic"))


def measured(**figures: float) -> dict:
    """What `measure` returns of a run with these figures, as far as stores need it."""
    return {"stages": {"mlp": figures}, "data_checksum": "made", "seconds": 1.0}


def accuracies(**rows: list[float]) -> dict:
    """The stored runs of an experiment "made" whose rows have these test accuracies, by seed from 0."""
    return {
        "made": {
            name: {
                "runs": {
                    seed: {"stages": {"mlp": {"test_accuracy": value}}}
                    for seed, value in enumerate(values)
                }
            }
            for name, values in rows.items()
        }
    }
