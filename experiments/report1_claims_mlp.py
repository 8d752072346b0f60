"""Report 1's claims on the scratch MLP that table 1 has no rows for: dropout 0.5, and learning rates.

Command: `python -m experiments.report1_claims_mlp --seeds 5`

Table 1's first row at table 1's whole protocol, one thing changed a row; what they are compared with is
that row itself, of the same seeds. The claims' verdicts: `python -m experiments claims`.
"""

from dataclasses import replace

from experiments.protocol import Experiment, Row, main
from experiments.report1_table1 import PROTOCOL
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
