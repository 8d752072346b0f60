import json

import numpy as np
import pytest

from fmnist_jax.evaluation.metrics import (
    Averages,
    classification_metrics,
    most_confident_mistakes,
)

NAMES = ("a", "b", "c", "d")

# Computed manually. Rows are correct, columns predicted; class d is never correct, never predicted:
#        a  b  c  d   recall  precision  F1
#   a    2  1  0  0     2/3      2/2     4/5
#   b    0  1  0  0     1/1      1/2     2/3
#   c    0  0  0  0      0       0/1      0
#   d    0  0  1  0     0/1      0        0
LABELS = np.array([0, 0, 0, 1, 3], np.int32)
PREDICTIONS = np.array([0, 1, 0, 1, 2], np.int32)


def test_metrics_of_a_small_example():
    metrics = classification_metrics(LABELS, PREDICTIONS, NAMES)
    assert metrics.accuracy == pytest.approx(3 / 5)
    assert metrics.confusion.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert metrics.class_accuracy == pytest.approx((2 / 3, 1, 0, 0))
    # Weights 3/5, 1/5, 0 and 1/5.
    assert metrics.weighted == pytest.approx(
        (3 / 5 * 1 + 1 / 5 * 1 / 2, 3 / 5, 3 / 5 * 4 / 5 + 1 / 5 * 2 / 3)
    )
    assert metrics.macro == pytest.approx(((1 + 1 / 2) / 4, (2 / 3 + 1) / 4, (4 / 5 + 2 / 3) / 4))


# Computed by scikit-learn 1.9.1 (precision_recall_fscore_support, zero_division=0) from 200 predictions.
CONFUSION = [
    [38, 2, 0, 7, 3],
    [1, 49, 0, 0, 0],
    [6, 0, 21, 9, 4],
    [2, 2, 5, 26, 0],
    [0, 0, 0, 0, 25],
]
WEIGHTED = (0.800787779917961, 0.795, 0.7888440345912597)
MACRO = (0.7882057733849183, 0.8015714285714285, 0.7847685518926477)


def test_metrics_are_those_of_scikit_learn():
    matrix = np.array(CONFUSION)
    rows, columns = np.indices(matrix.shape)
    labels, predictions = (np.repeat(i.ravel(), matrix.ravel()) for i in (rows, columns))
    order = np.random.default_rng(0).permutation(len(labels))
    metrics = classification_metrics(
        labels[order].astype(np.int8), predictions[order].astype(np.int32), "abcde"
    )
    assert metrics.confusion.tolist() == CONFUSION
    assert metrics.accuracy == 0.795
    assert metrics.weighted == pytest.approx(WEIGHTED, rel=1e-14)
    assert metrics.macro == pytest.approx(MACRO, rel=1e-14)


def test_all_correct_is_one_throughout():
    metrics = classification_metrics(LABELS, LABELS, ("a", "b", "x", "d"))
    assert metrics.weighted == Averages(1.0, 1.0, 1.0)
    # The class that isn't there counts 0.
    assert metrics.macro == pytest.approx((3 / 4, 3 / 4, 3 / 4))


def test_to_dict_survives_json():
    metrics = classification_metrics(LABELS, PREDICTIONS, NAMES)
    read_back = json.loads(json.dumps(metrics.to_dict()))
    assert read_back == metrics.to_dict()
    assert read_back["weighted"]["recall"] == read_back["accuracy"] == 0.6
    assert read_back["class_accuracy"]["b"] == 1.0
    assert list(read_back["class_accuracy"]) == list(NAMES)
    assert read_back["confusion"][3] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([], [], "at least one"),
        ([0, 4], [0, 0], r"labels: expected 0\.\.3"),
        ([0, 0], [0, -1], r"predictions: expected 0\.\.3"),
        ([0, 1], [0], "expected as many of each, found 2 and 1"),
    ],
    ids=["none", "label too large", "negative prediction", "different numbers"],
)
def test_wrong_arguments_are_refused(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(np.array(labels, int), np.array(predictions, int), NAMES)


def test_most_confident_mistakes_come_in_order_without_correct_answers():
    probabilities = np.array(
        [
            [0.9, 0.1, 0.0],  # correct
            [0.2, 0.7, 0.1],  # wrong
            [0.0, 0.2, 0.8],  # wrong
            [0.0, 0.3, 0.7],  # wrong, as confident as the second
            [0.1, 0.4, 0.5],  # correct
        ]
    )
    labels = np.array([0, 0, 1, 0, 2])
    assert most_confident_mistakes(labels, probabilities, 10).tolist() == [2, 1, 3]
    assert most_confident_mistakes(labels, probabilities, 2).tolist() == [2, 1]
    assert most_confident_mistakes(labels[:1], probabilities[:1], 2).tolist() == []
