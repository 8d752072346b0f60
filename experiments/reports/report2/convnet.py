"""Report 2's CNN: two 5x5 convolutions, two average poolings, three dense layers, Adam.

Command: `python -m experiments report2/convnet --seeds 3`
"""

from experiments.engine.spec import Experiment, Row
from experiments.reports.reported import REPORTED
from fmnist_jax.runs.presets import small_cnn
from fmnist_jax.runs.presets.base import default_run

ENTRY = REPORTED["report_2"][1]
RUN = default_run(small_cnn.PRESET)

EXPERIMENT = Experiment(
    module=__name__,
    title="Report 2: a small CNN trained by Adam, stopped on validation accuracy",
    rows=(
        Row("6,16 5x5 avg, 120,84,10 relu adam", RUN, {"test_accuracy": ENTRY["test_accuracy"]}),
    ),
    columns=("test_accuracy", "validation_accuracy", "best_epoch"),
    reproduces="report 2: the convnet",
    seconds=480,
    notes=(
        "The report gives no filters, widths or padding. Here the filters and widths are "
        "LeNet-5's (6 and 16 filters, dense layers of 120, 84 and 10 units), without padding. "
        "The report gives no initialiser and no scaling either. Here he-uniform and pixels from"
        " -1 to 1 are used, chosen on the validation split (report2/selection). The weights are"
        " those of the epoch with the highest validation accuracy, as in the report.",
    ),
)
