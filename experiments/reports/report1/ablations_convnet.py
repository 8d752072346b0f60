"""Report 1's claims on its five convolutions, on networks small enough for five seeds.

Command: `python -m experiments.reports.report1.ablations_convnet --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1, 2, 3, 4:

|                           | cnn test accuracy | mlp test accuracy | cnn validation accuracy | mlp best epoch | seeds |
|---------------------------|-------------------|-------------------|-------------------------|----------------|-------|
| max, doubled, 3x3, random | 88.82 ± 0.17      | 89.61 ± 0.11      | 89.66 ± 0.42            | 18.40 ± 7.37   | 5     |
| avg                       | 85.50 ± 1.09      | 86.97 ± 1.09      | 86.32 ± 0.96            | 26.20 ± 3.56   | 5     |
| global                    | 56.11 ± 4.40      | 60.10 ± 3.44      | 56.56 ± 4.03            | 26.20 ± 4.27   | 5     |
| same filters              | 83.55 ± 0.71      | 84.58 ± 0.72      | 84.10 ± 0.78            | 28.40 ± 1.82   | 5     |
| 2x2                       | 87.30 ± 0.63      | 88.40 ± 0.35      | 88.33 ± 0.67            | 23.40 ± 5.94   | 5     |
| 5x5                       | 88.97 ± 0.26      | 89.85 ± 0.03      | 89.67 ± 0.36            | 16.00 ± 5.29   | 3     |
| xavier                    | 89.00 ± 0.34      | 89.50 ± 0.23      | 89.84 ± 0.45            | 15.20 ± 8.87   | 5     |
| he                        | 88.40 ± 0.28      | 89.38 ± 0.40      | 89.14 ± 0.41            | 15.00 ± 4.36   | 5     |

Table 2's network with half its filters (8,16,32,64,128, hidden 256) and five epochs of the report's ten;
then the scratch MLP on its features, at most thirty epochs. One thing is changed a row. Table 2 has the
networks themselves, of fewer seeds. The claims' verdicts: `python -m experiments claims`.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 21 minutes of runs, beside other work.
"""

from dataclasses import replace
from typing import Any

from experiments.engine.runner import Experiment, Row, main
from experiments.reports.report1.table2 import INITIALIZER_NAMES, run_of
from fmnist_jax.models.architectures import AVERAGE, GLOBAL, FiveConv
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
