"""What report 3 leaves open, chosen on validation: scaling of the pixels, and initialiser.

Command: `python -m experiments report3/selection --seeds 1`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report3 import lenet
from fmnist_jax.data.scaling import SCALINGS
from fmnist_jax.scratch.initializers import INITIALIZERS

PROTOCOL = lenet.EXPERIMENT.row("batch 100 softmax-twice").run

CANDIDATES = (
    ("unit", "random"),
    ("symmetric", "random"),
    ("z-score", "random"),
    ("unit", "xavier-uniform"),
    ("unit", "he-uniform"),
)
"""Scaling and initialiser, by their names."""


def row(scaling: str, initializer: str) -> Row:
    """The row of one candidate."""
    run = change(
        PROTOCOL,
        "convnet",
        model={"initializer": INITIALIZERS[initializer]},
        scaling=SCALINGS[scaling],
    )
    return Row(f"{scaling} {initializer}", run)


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 3's open points, on the validation split",
    rows=tuple(row(*candidate) for candidate in CANDIDATES),
    columns=(
        "validation_accuracy", "best_validation_loss", "best_epoch", "validation_class_4",
        "validation_class_6",
    ),
    splits=("train", "validation"),
    reproduces="report 3: what table 3 leaves open",
    seconds=150,
    most_seeds=1,
    notes=(
        "Table 3's LeNet with the report's loss (softmax applied twice) and batch size 100, "
        "which is the batch size of the report's best row. The test split is not used.",
        '"unit random" (pixels from 0 to 1 and report 1\'s initialiser) never predicts class 4, '
        'Coat. All other rows do. "symmetric random" (pixels from -1 to 1, as for report 1\'s '
        "convnets) is the best row, and table 3 uses it.",
    ),
)  # fmt: skip
