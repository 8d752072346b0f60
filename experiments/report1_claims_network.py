"""Report 1's claims on its five convolutions, on networks small enough for five seeds.

Command: `python -m experiments.report1_claims_network --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1:

|                           | cnn test accuracy | mlp test accuracy | cnn validation accuracy | mlp best epoch | seeds |
|---------------------------|-------------------|-------------------|-------------------------|----------------|-------|
| max, doubled, 3x3, random | 88.78 ± 0.05      | 89.69 ± 0.17      | 89.48 ± 0.51            | 25.50 ± 2.12   | 2     |
| avg                       | 85.53 ± 0.45      | 87.50 ± 0.43      | 86.21 ± 0.48            | 29.50 ± 0.71   | 2     |
| global                    | 53.88 ± 3.90      | 58.07 ± 4.55      | 54.44 ± 3.10            | 23.50 ± 6.36   | 2     |
| same filters              | 84.07 ± 0.14      | 85.02 ± 0.40      | 84.57 ± 0.58            | 29.50 ± 0.71   | 2     |
| 2x2                       | 86.63 ± 0.30      | 88.06 ± 0.13      | 87.75 ± 0.51            | 17.00 ± 0.00   | 2     |
| 5x5                       | 88.84 ± 0.20      | 89.86 ± 0.04      | 89.46 ± 0.09            | 19.00 ± 1.41   | 2     |
| xavier                    | 89.00 ± 0.15      | 89.50 ± 0.01      | 89.95 ± 0.17            | 16.50 ± 14.85  | 2     |
| he                        | 88.47 ± 0.46      | 89.75 ± 0.19      | 89.10 ± 0.18            | 15.00 ± 1.41   | 2     |

Table 2's network with half its filters (8,16,32,64,128, hidden 256) and five epochs of the report's ten;
then the scratch MLP on its features, at most thirty epochs. One thing is changed a row. Table 2 has the
networks themselves, of fewer seeds. The claims' verdicts: `python -m experiments claims`.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 11 minutes of runs, beside other work.
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
