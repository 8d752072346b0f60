"""Report 3, table 3: a LeNet and its batch size, with the report's loss and with the right one.

Command: `python -m experiments.report3_lenet --seeds 1`

The report applies softmax in the network and again inside its loss: "softmax-twice", beside which the
rows "softmax-cross-entropy" are trained with the right one. Test accuracies are in percent, "test class
0" is of class 0, T-shirt/top, and so on. The report gives no initialiser (random here, as in report 1) and
no choice of an epoch: here the weights are those of the lowest validation loss of the 25 epochs. The
figures of the two losses are not of the same kind: softmax-twice can't fall below 1.461.
"""

from dataclasses import replace
from typing import Any

from experiments.protocol import REPORTED, Experiment, Row, main
from fmnist_jax.data.scaling import UNIT
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
        CNNRun(model=replace(LENET, loss=loss), training=training, scaling=UNIT),
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
