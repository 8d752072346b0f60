"""What report 2 leaves open of its CNN, chosen on validation: scaling of the pixels, and initialiser.

Command: `python -m experiments report2/selection --seeds 1`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report2.convnet import RUN
from fmnist_jax.data.scaling import SCALINGS
from fmnist_jax.scratch.initializers import INITIALIZERS

CANDIDATES = (
    ("unit", "random"),
    ("symmetric", "random"),
    ("z-score", "random"),
    ("symmetric", "he-uniform"),
)
"""Scaling and initialiser, by their names."""

EPOCHS = 60


def row(scaling: str, initializer: str) -> Row:
    """The row of one candidate."""
    run = change(
        RUN,
        "convnet",
        model={"initializer": INITIALIZERS[initializer]},
        training={"epochs": EPOCHS},
        scaling=SCALINGS[scaling],
    )
    return Row(f"{scaling} {initializer}", run)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2's open points, on the validation split",
    rows=tuple(row(*candidate) for candidate in CANDIDATES),
    columns=("validation_accuracy", "best_validation_loss", "best_epoch"),
    splits=("train", "validation"),
    reproduces="report 2: what it leaves open about its convnet",
    seconds=360,
    most_seeds=1,
    notes=(
        "Each row is trained for the first 60 epochs of the report's training. The test split "
        "is not used.",
        '"symmetric he-uniform" is the best row. report2/convnet and `fmnist-jax train '
        'small-cnn` use it. With pixels from 0 to 1 ("unit") the network learns most slowly.',
    ),
)
