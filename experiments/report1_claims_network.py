"""Report 1's claims on its five convolutions, on networks small enough for five seeds.

Command: `python -m experiments.report1_claims_network --seeds 5`

Table 2's network with half its filters (8,16,32,64,128, hidden 256) and five epochs of the report's ten;
then the scratch MLP on its features, at most thirty epochs. One thing is changed a row. Table 2 has the
networks themselves, of fewer seeds. The claims' verdicts: `python -m experiments claims`.
"""

from dataclasses import replace
from typing import Any

from experiments.protocol import Experiment, Row, main
from experiments.report1_table2 import INITIALIZER_NAMES, run_of
from fmnist_jax.networks.architectures import AVERAGE, GLOBAL, FiveConv
from fmnist_jax.scratch.initializers import INITIALIZERS

NETWORK = FiveConv(filters=(8, 16, 32, 64, 128), hidden=256)
"""Maxima, 3x3, random: as table 2's fourth row, half the filters."""

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
    run = run_of(replace(NETWORK, **changes))
    return Row(
        name,
        replace(
            run,
            network_training=replace(run.network_training, epochs=EPOCHS),
            mlp_training=replace(run.mlp_training, epochs=MLP_EPOCHS),
        ),
    )


EXPERIMENT = Experiment(
    name="report1_claims_network",
    title="Report 1's claims on its networks: half the filters, five epochs",
    rows=tuple(row(name, changes) for name, changes in CHANGES.items()),
    columns=("cnn_test_accuracy", "mlp_test_accuracy", "cnn_validation_accuracy", "mlp_best_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
