"""What report 2 leaves open of its CNN, chosen on validation: how pixels are scaled, and the initialiser.

Command: `python -m experiments.report2_choices --seeds 1`

The report's training cut down to its first 60 epochs. The test images play no part.
"""

from dataclasses import replace

from experiments.protocol import Experiment, Row, main
from fmnist_jax.data.scaling import SCALINGS
from fmnist_jax.recipes import SMALL_CNN_RUN
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
    return Row(
        f"{scaling} {initializer}",
        replace(
            SMALL_CNN_RUN,
            model=replace(SMALL_CNN_RUN.model, initializer=INITIALIZERS[initializer]),
            training=replace(SMALL_CNN_RUN.training, epochs=EPOCHS),
            scaling=SCALINGS[scaling],
        ),
    )


EXPERIMENT = Experiment(
    name="report2_choices",
    title="Report 2's open points, on the validation split",
    rows=tuple(row(*candidate) for candidate in CANDIDATES),
    columns=("validation_accuracy", "best_validation_loss", "best_epoch"),
    splits=("train", "validation"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
