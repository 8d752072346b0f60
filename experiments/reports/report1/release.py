"""Whether the official test file is harder: re-splits of all 70,000 images next to the official files.

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


SPLITS = {
    **{f"re-split {seed}": DataConfig(resplit_seed=seed) for seed in range(5)},
    **{f"split seed {seed}": DataConfig(split_seed=seed) for seed in range(5)},
}
"""Five test splits drawn from both files, and the official files with five validation splits."""

EXPERIMENT = Experiment(
    module=__name__,
    title="The release: re-splits of all 70,000 images, and the official files",
    rows=tuple(
        Row(f"{network}, {split}", evolve(run, data=data))
        for network, run in NETWORKS.items()
        for split, data in SPLITS.items()
    ),
    columns=("test_accuracy", "validation_accuracy"),
    reproduces="report 1: whether its images explain its test accuracies",
    seconds=120,
    most_seeds=1,
    notes=(
        "Five test splits drawn from all 70,000 images (re-splits), and the official files with five "
        "validation splits; one training each. Predictions and outcome stand in docs/release.md.",
        "On re-splits test accuracy equals validation accuracy; on the official files it is 0.6 to 1.1 "
        "points lower. So the files cause the difference. Test accuracy rises from the official files "
        "to re-splits by 1.05 points for the MLP and by 0.45 to 0.62 points for the others.",
    ),
)
