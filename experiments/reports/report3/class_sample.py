"""Report 3's class accuracies: how many images they can have been measured on.

Over the balanced test images the ten class accuracies would average to the accuracy of the same row. They
don't, so they are of a part. The batch-wise count of a well-known tutorial, four images of every batch, gives
parts whose size falls with the batch size, and so do the sizes that the printed percentages need.
"""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.reports.reported import REPORTED

TEST_IMAGES, CLASSES = 10_000, 10
PER_BATCH = 4
"""Images of each batch that the tutorial counts."""


class ClassSample(NamedTuple):
    """What a row's class accuracies say about the images that they were measured on."""

    batch_size: int
    mean: float
    """Of the ten class accuracies, in percent."""
    difference: float
    """The mean minus the reported test accuracy, in points."""
    needed: int
    """Least number of images of some class, by its printed percentage."""
    images: int
    """Of `PER_BATCH` images a batch, all classes."""
    standard_error: float
    """Of an accuracy measured on so many images, in points."""


def smallest_sample(percentage: int) -> int:
    """The fewest images on which an accuracy is printed as this whole percentage, rounded or cut off."""
    return next(
        count
        for count in range(1, 102)
        if any(
            percentage in (100 * right // count, round(100 * right / count))
            for right in range(count + 1)
        )
    )


def class_sample(batch_size: int, test_accuracy: float, by_class: Sequence[int]) -> ClassSample:
    """Judge one row."""
    mean = sum(by_class) / CLASSES
    images = PER_BATCH * -(-TEST_IMAGES // batch_size)
    right = test_accuracy / 100
    return ClassSample(
        batch_size,
        mean,
        mean - test_accuracy,
        max(map(smallest_sample, by_class)),
        images,
        100 * (right * (1 - right) / images) ** 0.5,
    )


def class_samples() -> list[ClassSample]:
    """All four rows."""
    return [
        class_sample(entry["batch_size"], entry["test_accuracy"], entry["class_accuracy"])
        for entry in REPORTED["report_3"]
    ]
