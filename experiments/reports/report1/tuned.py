"""Report 1's pipeline, tuned: the best row of report1/tuned_selection, tested.

Command: `python -m experiments report1/tuned --seeds 3`
"""

from experiments.engine.spec import Experiment, Row
from experiments.reports.report1 import table2, tuned_selection

BEST = tuned_selection.EXPERIMENT.row(tuned_selection.BEST)
REPORTED = table2.EXPERIMENT.row("max 32,64,128,256,512 3x3 random").reported

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 1's pipeline, tuned on validation",
    rows=(Row(BEST.name, BEST.run, {"mlp.test_accuracy": REPORTED["mlp.test_accuracy"]}),),
    columns=table2.COLUMNS,
    reported_on="early",
    reproduces="report 1: the tuned pipeline, on the test images",
    seconds=900,
    notes=(
        "This is the best row of report1/tuned_selection on the validation split. The figure in "
        "brackets is the best row of the report's table 2: the same network, trained as the report "
        'describes. That training gives the row "max 32,64,128,256,512 3x3 random" of '
        "report1/table2 here.",
    ),
)
