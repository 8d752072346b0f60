"""What report 1 leaves open of table 2: the network's batch size, and the learning rate of the MLP.

Command: `python -m experiments.report1_table2_choices --seeds 1`

Two of table 2's networks as they are there, and each with one thing changed. Chosen on the validation
split; the test images play no part.

Not run as a whole yet. What led to the choices were single runs of some of these configurations, seed 0:
in batches of 32 the wider network's best validation accuracy is 91.83 % and its least validation loss
0.2346, in batches of 64 91.33 % and 0.2483; on the narrow one's features the MLP is still learning
after 200 epochs at 0.001 and stops after 79 at 0.01.
"""

from dataclasses import replace

from experiments import report1_table2
from experiments.protocol import Experiment, Row, main
from fmnist_jax.pipeline import PipelineRun

NETWORKS = ("max 16,16,16,16,16 3x3 random", "max 16,32,64,128,256 3x3 random")
"""Rows of table 2."""


def candidates(row: Row) -> tuple[Row, ...]:
    """A row of table 2 as it is, with another batch size, and with table 1's rate of the MLP."""
    run = row.run
    assert isinstance(run, PipelineRun)
    changed = {
        row.name: {},
        f"{row.name}, batch 64": {"network_training": replace(run.network_training, batch_size=64)},
        f"{row.name}, MLP lr 0.001": {
            "mlp_training": replace(run.mlp_training, learning_rate=1e-3)
        },
    }
    return tuple(Row(name, replace(run, **changes)) for name, changes in changed.items())


EXPERIMENT = Experiment(
    name="report1_table2_choices",
    title="Table 2's open points, on the validation split",
    rows=tuple(
        candidate
        for row in report1_table2.EXPERIMENT.rows
        if row.name in NETWORKS
        for candidate in candidates(row)
    ),
    columns=(
        "cnn_validation_accuracy", "cnn_best_validation_loss", "mlp_validation_accuracy",
        "mlp_best_validation_loss", "mlp_best_epoch", "mlp_stopped_epoch",
    ),
    splits=("train", "validation"),
)  # fmt: skip

if __name__ == "__main__":
    main(EXPERIMENT)
