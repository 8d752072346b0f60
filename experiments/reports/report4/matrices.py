"""Report 4's four confusion matrices, and the accuracies that they add up to, next to those of its text."""

from typing import NamedTuple

import numpy as np

from experiments.reports.reported import LOGS, REPORTED
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.evaluation.metrics import classification_metrics

TEXT = {"mlp": REPORTED["report_4"]["mlp"], "combined": REPORTED["report_4"]["combined"]}
SPLITS = {"train": "training", "validation": "validation"}
"""Names of splits, here and in logs.json."""


class Matrix(NamedTuple):
    """A printed confusion matrix, correct class by predicted class, and what the text says of it."""

    network: str
    split: str
    confusion: np.ndarray
    text_accuracy: float
    """In percent."""
    text_f1: float

    @property
    def accuracy(self) -> float:
        """Of the matrix, in percent."""
        return 100 * float(np.trace(self.confusion)) / int(self.confusion.sum())

    @property
    def f1(self) -> float:
        """The weighted F1 of the matrix, in percent."""
        pairs = np.indices(self.confusion.shape).reshape(2, -1)
        labels, predictions = np.repeat(pairs, self.confusion.ravel(), axis=1)
        return 100 * classification_metrics(labels, predictions, CLASS_NAMES).weighted.f1


MATRICES = tuple(
    Matrix(
        network,
        split,
        np.array(LOGS[f"report_4_{network}"][f"{word}_confusion_matrix"]),
        figures[split]["accuracy"],
        figures[split]["f1"],
    )
    for network, figures in TEXT.items()
    for split, word in SPLITS.items()
)
"""Of the MLP and of the combined network, on training and validation images."""
