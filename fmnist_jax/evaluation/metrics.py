"""How good a classifier is: accuracy, precision, recall, F1, by class, and its worst mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int64
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support


class Averages(NamedTuple):
    """Precision, recall and F1, averaged over the classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class Metrics:
    """What is reported of a classifier on one split; fractions, not percent."""

    class_names: tuple[str, ...]
    accuracy: float
    weighted: Averages
    """Each class counts by its number of images; recall is then the accuracy."""
    macro: Averages
    """Each class counts the same."""
    class_accuracy: tuple[float, ...]
    """Share of each class's images that were classified right (its recall)."""
    confusion: Int64[np.ndarray, "classes classes"]
    """Images by correct class (row) and predicted class (column)."""

    def to_dict(self) -> dict[str, Any]:
        """Return the same in plain Python types, for JSON."""
        return {
            "accuracy": self.accuracy,
            "weighted": self.weighted._asdict(),
            "macro": self.macro._asdict(),
            "class_accuracy": dict(zip(self.class_names, self.class_accuracy, strict=True)),
            "confusion": self.confusion.tolist(),
        }


def classification_metrics(
    labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"], class_names: Sequence[str]
) -> Metrics:
    """Compare `predictions` with `labels`, both indices into `class_names`.

    A ratio whose denominator is 0 (a class never predicted, or not in the data) counts as 0, and
    every class enters the macro average. Computed by scikit-learn. Raises ValueError for no images,
    for lengths that differ, and for an index that names no class.
    """
    classes = np.arange(len(class_names))
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.size == 0:
            raise ValueError(f"{name}: expected at least one")
        if values.min() < 0 or values.max() >= len(classes):
            raise ValueError(f"{name}: expected 0..{len(classes) - 1}, found others")

    def scores(average: str | None) -> tuple[Any, Any, Any]:
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels,
            predictions,
            labels=classes,
            average=average,
            zero_division=0,  # pyright: ignore[reportArgumentType]  # the stub knows "warn" alone
        )
        return precision, recall, f1

    return Metrics(
        class_names=tuple(class_names),
        accuracy=float(accuracy_score(labels, predictions)),
        weighted=Averages(*map(float, scores("weighted"))),
        macro=Averages(*map(float, scores("macro"))),
        class_accuracy=tuple(scores(None)[1].tolist()),
        confusion=confusion_matrix(labels, predictions, labels=classes),
    )


def most_confident_mistakes(
    labels: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n classes"], count: int
) -> Int64[np.ndarray, " at_most_count"]:
    """Return the indices of the wrong answers given with the highest probability, highest first."""
    mistakes = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidence = probabilities[mistakes].max(axis=1)
    return mistakes[np.argsort(-confidence, kind="stable")[:count]]
