"""Report 1's claims on its five convolutions, on networks small enough for five seeds.

Command: `python -m experiments report1/ablations_convnet --seeds 5`
"""

from typing import Any

from attrs import evolve

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report1.table2 import INITIALIZER_NAMES, run_of
from fmnist_jax.models.five_conv import AVERAGE, GLOBAL, FiveConv
from fmnist_jax.scratch.initializers import INITIALIZERS

NETWORK = FiveConv(filters=(8, 16, 32, 64, 128), hidden=256)
"""Max pooling, 3x3, random: table 2's fourth row with half of its filters."""

EPOCHS, MLP_EPOCHS = 5, 30

CHANGES: dict[str, dict[str, Any]] = {
    "max, doubled, 3x3, random": {},
    "avg": {"pooling": AVERAGE},
    "global": {"pooling": GLOBAL},
    "same filters": {"filters": (8,) * 5},
    "2x2": {"kernels": (2,)},
    "5x5": {"kernels": (5,)},
    "xavier": {"initializer": INITIALIZERS[INITIALIZER_NAMES["xavier"]]},
    "he": {"initializer": INITIALIZERS[INITIALIZER_NAMES["he"]]},
}
"""What each row changes of the first one."""


def row(name: str, changes: dict[str, Any]) -> Row:
    """The network with these changes, and the MLP on its features."""
    run = change(run_of(evolve(NETWORK, **changes)), "convnet", training={"epochs": EPOCHS})
    return Row(name, change(run, "mlp", training={"epochs": MLP_EPOCHS}))


EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1's claims on its networks: half the filters, five epochs",
    rows=tuple(row(name, changes) for name, changes in CHANGES.items()),
    columns=(
        "convnet.test_accuracy",
        "mlp.test_accuracy",
        "convnet.validation_accuracy",
        "mlp.best_epoch",
    ),
    reproduces="report 1: pooling, initialisers, kernels; small networks",
    seconds=55,
    notes=(
        "Each row trains table 2's network with half of its filters (8,16,32,64,128, and a "
        "hidden layer of 256 units) for five of the report's ten epochs, and then the scratch "
        "MLP on its features for at most 30 epochs. Each row changes one setting of the first "
        "row. Table 2 has the full networks, with fewer seeds. `python -m experiments claims` "
        "prints the verdicts.",
    ),
)
