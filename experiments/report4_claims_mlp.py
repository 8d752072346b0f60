"""Report 4's MLP for a hundred epochs without decay: what its curves with decay are to be held against.

Command: `python -m experiments.report4_claims_mlp --seeds 5`

The claims' verdicts: `python -m experiments claims`.
"""

from dataclasses import replace

from experiments.protocol import REPORTED, Experiment, Row, main
from experiments.report4_mlp import PROTOCOL

EPOCHS = REPORTED["report_4"]["mlp_curves"][0]["epochs"]

EXPERIMENT = Experiment(
    name="report4_claims_mlp",
    title="Report 4's claims on the MLP: a hundred epochs at one learning rate",
    rows=(
        Row(
            f"{EPOCHS} epochs",
            replace(PROTOCOL, training=replace(PROTOCOL.training, epochs=EPOCHS)),
        ),
    ),
    columns=("test_accuracy", "validation_accuracy", "train_loss", "validation_loss", "best_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
