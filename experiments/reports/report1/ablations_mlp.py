"""Report 1's claims on the scratch MLP that table 1 has no rows for: dropout 0.5, and learning rates.

Command: `python -m experiments.reports.report1.ablations_mlp --seeds 5`
Measured, mean ± standard deviation over seeds 0, 1, 2, 3, 4:

|                      | test accuracy | train accuracy | best epoch     | stopped epoch  | seeds |
|----------------------|---------------|----------------|----------------|----------------|-------|
| dropout 0.5          | 88.08 ± 0.17  | 92.43 ± 0.31   | 129.00 ± 10.10 | 134.00 ± 10.10 | 5     |
| learning rate 0.0001 | 85.59 ± 0.08  | 87.89 ± 0.05   | 200.00 ± 0.00  | 200.00 ± 0.00  | 3     |
| learning rate 0.01   | 88.40 ± 0.20  | 93.37 ± 0.55   | 16.60 ± 2.41   | 21.60 ± 2.41   | 5     |
| learning rate 0.1    | 84.14 ± 0.82  | 86.41 ± 1.59   | 2.80 ± 2.95    | 7.80 ± 2.95    | 5     |

Table 1's first row at table 1's whole protocol, one thing changed a row; what they are compared with is
that row itself, of the same seeds. The claims' verdicts: `python -m experiments claims`.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 24 minutes of runs, beside other work.
"""

from dataclasses import replace

from experiments.engine.runner import Experiment, Row, main
from experiments.reports.report1.table1 import PROTOCOL
from fmnist_jax.scratch.activations import RELU

MODEL = replace(PROTOCOL.model, layer_sizes=(784, 128, 10), activations=(RELU,), dropout=0.2)
"""Table 1's first row."""

BASE = replace(PROTOCOL, model=MODEL)

LEARNING_RATES = (0.0001, 0.01, 0.1)
"""The report's, beside its own 0.001."""


def rate_row(rate: float) -> Row:
    """The first row at another learning rate."""
    return Row(
        f"learning rate {rate:g}",
        replace(BASE, training=replace(BASE.training, learning_rate=rate)),
    )


EXPERIMENT = Experiment(
    name="report1_claims_mlp",
    title="Report 1's claims on the MLP: dropout 0.5 and learning rates, 784,128,10 relu",
    rows=(
        Row("dropout 0.5", replace(BASE, model=replace(MODEL, dropout=0.5))),
        *map(rate_row, LEARNING_RATES),
    ),
    columns=("test_accuracy", "train_accuracy", "best_epoch", "stopped_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
