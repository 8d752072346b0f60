"""The learning rate of the scratch MLP on a network's features, which report 1 leaves open.

Command: `python -m experiments.report1_table2_choices --seeds 1`

Two of table 2's networks, as everywhere else in it, and three rates a factor ten apart. Chosen on the
validation split; the test images play no part.
"""

from dataclasses import replace

from experiments import report1_table2
from experiments.protocol import Experiment, Row, main

LEARNING_RATES = (0.001, 0.01, 0.1)

NETWORKS = ("max 16,16,16,16,16 3x3 random", "max 16,32,64,128,256 3x3 random")
"""Rows of table 2."""


def row(network: Row, learning_rate: float) -> Row:
    """A row of table 2 with another learning rate of the MLP."""
    training = replace(network.run.mlp_training, learning_rate=learning_rate)
    return Row(
        f"{network.name}, MLP lr {learning_rate:g}", replace(network.run, mlp_training=training)
    )


EXPERIMENT = Experiment(
    name="report1_table2_choices",
    title="Report 1's open points: the learning rate of the MLP on features, on the validation split",
    rows=tuple(
        row(network, learning_rate)
        for network in report1_table2.EXPERIMENT.rows
        if network.name in NETWORKS
        for learning_rate in LEARNING_RATES
    ),
    columns=(
        "mlp_validation_accuracy", "mlp_best_validation_loss", "mlp_best_epoch", "mlp_stopped_epoch",
    ),
    splits=("train", "validation"),
)  # fmt: skip

if __name__ == "__main__":
    main(EXPERIMENT)
