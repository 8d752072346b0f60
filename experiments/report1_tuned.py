"""Report 1's pipeline, tuned: the one that `report1_tuned_choices` chose on validation, tested.

Command: `python -m experiments.report1_tuned --seeds 3`

The reported figure beside it is that of table 2's best row, the same network trained by the report's own
protocol; what that protocol gives here stands in `report1_table2`.
"""

from experiments import report1_table2, report1_tuned_choices
from experiments.protocol import Experiment, Row, main

(TUNED,) = (
    row.run
    for row in report1_tuned_choices.EXPERIMENT.rows
    if row.name == report1_tuned_choices.WIDE
)
(REPORTED,) = (
    row.reported
    for row in report1_table2.EXPERIMENT.rows
    if row.name == "max 32,64,128,256,512 3x3 random"
)

EXPERIMENT = Experiment(
    name="report1_tuned",
    title="Report 1's pipeline, tuned on validation",
    rows=(
        Row(
            report1_tuned_choices.WIDE,
            TUNED,
            {"mlp_test_accuracy": REPORTED["mlp_test_accuracy"]},
        ),
    ),
    columns=report1_table2.COLUMNS,
)

if __name__ == "__main__":
    main(EXPERIMENT)
