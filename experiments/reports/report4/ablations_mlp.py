"""Report 4's MLP for a hundred epochs without decay: what its curves with decay are compared with.

Command: `python -m experiments report4/ablations_mlp --seeds 5`
"""

from experiments.engine.configuration import change
from experiments.engine.spec import Experiment, Row
from experiments.reports.report4.mlp import PROTOCOL
from experiments.reports.reported import REPORTED

EPOCHS = REPORTED["report_4"]["mlp_curves"][0]["epochs"]

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 4's claims on the MLP: a hundred epochs at one learning rate",
    rows=(Row(f"{EPOCHS} epochs", change(PROTOCOL, "mlp", training={"epochs": EPOCHS})),),
    columns=("test_accuracy", "validation_accuracy", "train_loss", "validation_loss", "best_epoch"),
    reproduces="report 4: the MLP without decay",
    seconds=35,
    notes=(
        "This row has a constant learning rate. The claims compare the rows of report4/mlp that"
        " have decay with it. `python -m experiments claims` prints the verdicts.",
    ),
)
