"""Report 3, table 3: a LeNet and its batch size, with the report's loss and with the right one.

Command: `python -m experiments.report3_lenet --seeds 1`
Measured, seed 0 (in brackets what the report says, of one run):

|                                 | test accuracy | test class 0 | test class 1 | test class 2 | test class 3 | test class 4 | test class 5 | test class 6 | test class 7 | test class 8 | test class 9 | best epoch | seeds |
|---------------------------------|---------------|--------------|--------------|--------------|--------------|--------------|--------------|--------------|--------------|--------------|--------------|------------|-------|
| batch 32 softmax-twice          | 89.17 (88.72) | 86.40 (83)   | 97.40 (96)   | 82.70 (84)   | 88.50 (90)   | 85.30 (82)   | 97.20 (96)   | 64.90 (60)   | 94.60 (96)   | 97.60 (98)   | 97.10 (93)   | 18.00      | 1     |
| batch 64 softmax-twice          | 89.17 (88.94) | 86.00 (86)   | 97.90 (94)   | 82.30 (88)   | 91.00 (90)   | 78.30 (81)   | 95.50 (98)   | 73.90 (50)   | 96.30 (98)   | 94.50 (94)   | 96.00 (91)   | 24.00      | 1     |
| batch 100 softmax-twice         | 89.25 (89.76) | 86.20 (91)   | 97.10 (100)  | 86.60 (85)   | 88.80 (92)   | 84.80 (87)   | 96.50 (91)   | 62.90 (75)   | 96.40 (96)   | 97.70 (94)   | 95.50 (97)   | 23.00      | 1     |
| batch 256 softmax-twice         | 87.51 (87.76) | 84.10 (80)   | 97.60 (100)  | 80.70 (76)   | 86.70 (85)   | 82.90 (88)   | 97.30 (100)  | 59.00 (57)   | 96.00 (95)   | 97.40 (93)   | 93.40 (100)  | 21.00      | 1     |
| batch 32 softmax-cross-entropy  | 90.56         | 87.80        | 98.20        | 87.70        | 88.00        | 86.20        | 98.60        | 69.20        | 96.20        | 97.90        | 95.80        | 13.00      | 1     |
| batch 64 softmax-cross-entropy  | 90.88         | 87.50        | 97.70        | 85.60        | 92.90        | 80.60        | 97.40        | 75.40        | 97.20        | 99.10        | 95.40        | 16.00      | 1     |
| batch 100 softmax-cross-entropy | 90.35         | 85.60        | 97.80        | 85.20        | 89.10        | 89.70        | 97.10        | 68.30        | 97.90        | 98.20        | 94.60        | 17.00      | 1     |
| batch 256 softmax-cross-entropy | 90.24         | 89.90        | 97.30        | 84.90        | 90.10        | 86.00        | 98.10        | 66.80        | 95.80        | 97.90        | 95.60        | 25.00      | 1     |

The report applies softmax in the network and again inside its loss: "softmax-twice", beside which the
rows "softmax-cross-entropy" are trained with the right one. Test accuracies are in percent, "test class
0" is of class 0, T-shirt/top, and so on. The report gives no scaling and no initialiser (pixels from -1 to
1 and random, chosen on validation: `report3_choices`) and no choice of an epoch: here the weights are those
of the lowest validation loss of the 25 epochs. The figures of the two losses are not of the same kind:
softmax-twice can't fall below 1.461.

What the second softmax costs: 1.1 to 2.7 points, row by row, of one seed. Batch 100 is half a point below
the report (0.51), the others are level with it or above; the report's best batch size, 100, is not the
best of ours, which lie within 0.1 points of each other but for 256. With pixels from 0 to 1 the second
softmax has cost more: the network never predicted Coat at batch sizes 64, 100 and 256 and had 81 %
(`report3_choices` keeps the one of 100).

The report's best figure, 89.76, is itself the best of its four rows by the test images.

One core of a two-core AMD EPYC a process, JAX 0.10.2, Python 3.11.7: 39 minutes of runs, beside other work.
"""

from dataclasses import replace
from typing import Any

from experiments.protocol import REPORTED, Experiment, Row, main
from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.networks.architectures import LENET
from fmnist_jax.runs import CNNRun
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
