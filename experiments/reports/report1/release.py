"""Whether the official test file is harder: re-splits of all 70,000 images, five test splits by chance.

Command: `python -m experiments report1/release --seeds 1`
"""

from attrs import evolve

from experiments.engine.spec import Experiment, Row
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets import five_conv
from fmnist_jax.runs.presets.pipeline import pipeline
from fmnist_jax.scratch.initializers import Initializer, he_uniform, uniform_fan_in
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

SPLITS = range(5)
"""Seeds of the re-splits, and of the validation splits of the official files."""

MLP_TRAINING = TrainingConfig(epochs=200, batch_size=16, learning_rate=0.001, patience=5)


def _max_pooling(initializer: Initializer) -> Run:
    """Report 1's network of doubled filters with max pooling, and the MLP on its features."""
    network = FiveConv((16, 32, 64, 128, 256), hidden=512, initializer=initializer)
    return pipeline(network, five_conv.TRAINING, evolve(MLP_TRAINING, learning_rate=0.01))


NETWORKS = {
    "784,128,10": Run(
        (Stage("mlp", MLPConfig(initializer=uniform_fan_in), MLP_TRAINING, Z_SCORE),)
    ),
    "max/random": _max_pooling(uniform_fan_in),
    "max/he": _max_pooling(he_uniform),
}
"""Two rows of table 2 with filters 16 to 256, and one of table 1 (relu, no dropout) as a control.

They stand here in full, since the two tables may find a better reading of the report.
"""


def row_name(network: str, split: str, seed: int) -> str:
    """The name of a network's row on one split."""
    return f"{network}, {split} {seed}"


EXPERIMENT = Experiment(
    module=__name__,
    title="The release: re-splits of all 70,000 images",
    rows=tuple(
        Row(row_name(network, "re-split", seed), evolve(run, data=DataConfig(resplit_seed=seed)))
        for network, run in NETWORKS.items()
        for seed in SPLITS
    ),
    columns=(
        "test_accuracy", "validation_accuracy",
        "test_accuracy_of_test_file", "test_accuracy_of_training_file",
        "validation_accuracy_of_test_file", "validation_accuracy_of_training_file",
    ),
    reproduces="report 1: which images it was measured on (re-splits)",
    seconds=120,
    most_seeds=1,
    notes=(),
)  # fmt: skip
