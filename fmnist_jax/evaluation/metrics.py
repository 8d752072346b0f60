"""Metrics of a classifier: accuracy, precision, recall and F1, by class, and its worst mistakes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from attrs import frozen
from jaxtyping import Float, Int, Int64


class Averages(NamedTuple):
    """Precision, recall and F1, averaged over the classes."""

    precision: float
    recall: float
    f1: float


@frozen(eq=False)
class Metrics:
    """The metrics of a classifier on one split; fractions, not percent."""

    class_names: tuple[str, ...]
    accuracy: float
    weighted: Averages
    """Each class counts by its number of images; recall is then the accuracy."""
    macro: Averages
    """Each class counts the same."""
    class_accuracy: tuple[float, ...]
    """The share of each class's images that were classified correctly (its recall)."""
    confusion: Int64[np.ndarray, "classes classes"]
    """Images by correct class (row) and predicted class (column)."""

    def to_dict(self) -> dict[str, object]:
        """Return the same in plain Python types, for JSON."""
        return {
            "accuracy": self.accuracy,
            "weighted": self.weighted._asdict(),
            "macro": self.macro._asdict(),
            "class_accuracy": dict(zip(self.class_names, self.class_accuracy, strict=True)),
            "confusion": self.confusion.tolist(),
        }


def classification_metrics(
    labels: Int[np.ndarray, " labels"],
    predictions: Int[np.ndarray, " predictions"],
    class_names: Sequence[str],
) -> Metrics:
    """Compare `predictions` with `labels`, as scikit-learn with zero_division=0."""
    classes = len(class_names)
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.size == 0:
            raise ValueError(f"{name}: expected at least one")
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(f"{name}: expected 0..{classes - 1}, found others")
    if len(labels) != len(predictions):
        raise ValueError(
            f"labels and predictions: expected as many of each, found {len(labels)} and "
            f"{len(predictions)}"
        )
    cells = labels.astype(np.int64) * classes + predictions
    confusion = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    correct, actual, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision = correct / np.maximum(predicted, 1)
    recall = correct / np.maximum(actual, 1)
    f1 = 2 * correct / np.maximum(actual + predicted, 1)
    scores = (precision, recall, f1)
    return Metrics(
        class_names=tuple(class_names),
        accuracy=float(correct.sum() / len(labels)),
        weighted=Averages(*(float(np.average(score, weights=actual)) for score in scores)),
        macro=Averages(*(float(np.average(score)) for score in scores)),
        class_accuracy=tuple(recall.tolist()),
        confusion=confusion,
    )


def most_confident_mistakes(
    labels: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n classes"], count: int
) -> Int64[np.ndarray, " at_most_count"]:
    """Return the indices of the mistakes with the highest probability, highest first."""
    mistakes = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidence = probabilities[mistakes].max(axis=1)
    return mistakes[np.argsort(-confidence, kind="stable")[:count]]
