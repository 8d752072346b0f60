"""Report 3, table 3: a LeNet and its batch size, with the report's loss and with the right one.

Command: `python -m experiments.reports.report3.lenet --seeds 3`
Measured, mean ± standard deviation over seeds 0, 1, 2 (in brackets what the report says, of one run):

|                                 | test accuracy        | test class 0      | test class 1       | test class 2      | test class 3      | test class 4      | test class 5       | test class 6      | test class 7      | test class 8      | test class 9       | best epoch   | seeds |
|---------------------------------|----------------------|-------------------|--------------------|-------------------|-------------------|-------------------|--------------------|-------------------|-------------------|-------------------|--------------------|--------------|-------|
| batch 32 softmax-twice          | 88.58 ± 0.72 (88.72) | 84.83 ± 2.71 (83) | 97.00 ± 0.53 (96)  | 80.93 ± 3.77 (84) | 87.97 ± 2.15 (90) | 86.37 ± 1.22 (82) | 97.27 ± 0.70 (96)  | 63.80 ± 2.63 (60) | 95.07 ± 1.27 (96) | 97.20 ± 0.35 (98) | 95.37 ± 2.42 (93)  | 20.67 ± 2.52 | 3     |
| batch 64 softmax-twice          | 88.88 ± 0.60 (88.94) | 83.30 ± 3.04 (86) | 97.13 ± 0.80 (94)  | 82.30 ± 3.10 (88) | 89.33 ± 2.39 (90) | 82.13 ± 3.37 (81) | 96.60 ± 0.96 (98)  | 70.10 ± 3.80 (50) | 97.23 ± 0.90 (98) | 96.50 ± 1.73 (94) | 94.17 ± 2.02 (91)  | 23.67 ± 0.58 | 3     |
| batch 100 softmax-twice         | 88.65 ± 0.63 (89.76) | 86.37 ± 0.47 (91) | 97.27 ± 0.15 (100) | 82.20 ± 4.67 (85) | 88.80 ± 0.30 (92) | 82.43 ± 4.01 (87) | 97.63 ± 1.00 (91)  | 64.60 ± 3.03 (75) | 94.77 ± 1.52 (96) | 96.90 ± 0.72 (94) | 95.57 ± 0.50 (97)  | 23.33 ± 0.58 | 3     |
| batch 256 softmax-twice         | 87.16 ± 0.37 (87.76) | 87.43 ± 2.89 (80) | 97.53 ± 0.60 (100) | 80.50 ± 1.61 (76) | 87.93 ± 1.07 (85) | 78.43 ± 5.08 (88) | 96.37 ± 1.14 (100) | 56.97 ± 3.70 (57) | 95.57 ± 0.84 (95) | 96.50 ± 0.95 (93) | 94.37 ± 1.12 (100) | 23.67 ± 2.31 | 3     |
| batch 32 softmax-cross-entropy  | 90.25 ± 0.27         | 87.20 ± 2.36      | 98.17 ± 0.15       | 86.07 ± 1.89      | 89.57 ± 1.55      | 84.83 ± 3.18      | 98.50 ± 0.10       | 69.33 ± 1.80      | 96.83 ± 0.65      | 98.00 ± 0.26      | 94.03 ± 1.98       | 12.33 ± 1.15 | 3     |
| batch 64 softmax-cross-entropy  | 90.35 ± 0.52         | 84.73 ± 2.85      | 98.10 ± 0.36       | 84.83 ± 4.20      | 91.07 ± 2.02      | 84.87 ± 3.71      | 97.60 ± 1.21       | 72.70 ± 5.29      | 96.57 ± 1.83      | 98.00 ± 1.10      | 95.03 ± 0.64       | 15.00 ± 1.00 | 3     |
| batch 100 softmax-cross-entropy | 90.06 ± 0.25         | 84.77 ± 1.12      | 97.43 ± 0.40       | 87.33 ± 1.85      | 90.03 ± 1.70      | 85.03 ± 4.42      | 97.50 ± 0.36       | 69.30 ± 1.91      | 96.03 ± 2.14      | 97.67 ± 0.61      | 95.47 ± 1.10       | 16.33 ± 2.08 | 3     |
| batch 256 softmax-cross-entropy | 89.74 ± 0.44         | 86.20 ± 4.16      | 97.70 ± 0.35       | 85.13 ± 3.26      | 91.03 ± 1.01      | 82.27 ± 4.69      | 96.47 ± 2.41       | 69.13 ± 2.77      | 95.97 ± 1.86      | 97.97 ± 0.21      | 95.50 ± 0.95       | 24.67 ± 0.58 | 3     |

The report applies softmax in the network and again inside its loss: "softmax-twice", beside which the
rows "softmax-cross-entropy" are trained with the right one. Test accuracies are in percent, "test class
0" is of class 0, T-shirt/top, and so on. The report gives no scaling and no initialiser (pixels from -1 to
1 and random, chosen on validation: `report3_choices`) and no choice of an epoch: here the weights are those
of the lowest validation loss of the 25 epochs. The figures of the two losses are not of the same kind:
softmax-twice can't fall below 1.461.

What the second softmax costs: 1.4 to 2.6 points, row by row. The batch sizes 100 and 256 are below the
report, by 1.11 and 0.60 points, the latter no more than one further run may; the others are level with it.
The report's best, 100, isn't the best of ours, which but for 256 lie within 0.3 points of each other, half
a standard deviation over seeds. Tested, on validation: another epoch makes none of it up, for in all six
runs of 100 and 256 the lowest loss is in the epoch of the highest accuracy, and the last epoch is level or
up to 0.9 points below; scaling and initialiser are the best of five (`report3_choices`). What remains: the
report's 89.76 is the best of its four rows by the test images, of one run each. With pixels from 0 to 1
the second softmax has cost more: the network never predicted Coat at batch sizes 64, 100 and 256 and had 81 %
(`report3_choices` keeps the one of 100).

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 78 minutes of runs, beside other work.
"""

from dataclasses import replace
from typing import Any

from experiments.engine.runner import REPORTED, Experiment, Row, main
from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.models.architectures import LENET
from fmnist_jax.runs.run import CNNRun
from fmnist_jax.scratch.losses import SOFTMAX_CROSS_ENTROPY, SOFTMAX_TWICE, Loss
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adam


def row(entry: dict[str, Any], loss: Loss) -> Row:
    """A row from its entry in reported.json; what was reported is of the report's own loss."""
    training = TrainingConfig(
        epochs=entry["epochs"],
        batch_size=entry["batch_size"],
        optimizer=adam,
        learning_rate=entry["learning_rate"],
        patience=None,
    )
    reported = {"test_accuracy": entry["test_accuracy"]} | {
        f"test_class_{index}": accuracy for index, accuracy in enumerate(entry["class_accuracy"])
    }
    return Row(
        f"batch {entry['batch_size']} {loss.name}",
        CNNRun(model=replace(LENET, loss=loss), training=training, scaling=SYMMETRIC),
        reported if loss == SOFTMAX_TWICE else {},
    )


EXPERIMENT = Experiment(
    name="report3_lenet",
    title="Report 3, table 3: a LeNet and its batch size",
    rows=tuple(
        row(entry, loss)
        for loss in (SOFTMAX_TWICE, SOFTMAX_CROSS_ENTROPY)
        for entry in REPORTED["report_3"]
    ),
    columns=("test_accuracy", *(f"test_class_{index}" for index in range(10)), "best_epoch"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
