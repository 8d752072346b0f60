"""Report 2's CNN: two 5x5 convolutions, two average poolings, three dense layers, Adam.

Command: `python -m experiments.reports.report2.convnet --seeds 3`
Measured, mean ± standard deviation over seeds 0, 1, 2 (in brackets what the report says, of one run):

|                                   | test accuracy        | validation accuracy | best epoch    | seeds |
|-----------------------------------|----------------------|---------------------|---------------|-------|
| 6,16 5x5 avg, 120,84,10 relu adam | 89.78 ± 0.49 (89.66) | 90.75 ± 0.15        | 76.33 ± 13.32 | 3     |

The report gives no filters, no widths and no padding (LeNet-5's here: 6 and 16 filters, dense 120, 84, 10,
no padding), no initialiser and no scaling (he-uniform and pixels from -1 to 1, chosen on validation:
`report2_choices`). The weights are those of the best validation accuracy, as the report has them.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 55 minutes of runs, beside other work.
"""

from experiments.engine.runner import REPORTED, Experiment, Row, main
from fmnist_jax.runs.presets import SMALL_CNN_RUN

ENTRY = REPORTED["report_2"][1]

EXPERIMENT = Experiment(
    name="report2_cnn",
    title="Report 2: a small CNN trained by Adam, stopped on validation accuracy",
    rows=(
        Row(
            "6,16 5x5 avg, 120,84,10 relu adam",
            SMALL_CNN_RUN,
            {"test_accuracy": ENTRY["test_accuracy"]},
        ),
    ),
    columns=("test_accuracy", "validation_accuracy", "best_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
