"""What every part of the project means by "the data": three splits of images and labels."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

IMAGE_SHAPE = (28, 28)


class Split(NamedTuple):
    """Images with their labels, in the same order."""

    images: UInt8[np.ndarray, "n 28 28"]
    """Grey levels, 0 (background) to 255."""
    labels: Int32[np.ndarray, " n"]
    """Indices into the class names."""


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test split, with where they came from."""

    train: Split
    validation: Split
    test: Split
    source: str
    """Where the images were found, for the log: "IDX files in /data/fashion-mnist"."""
    checksum: str
    """SHA-256 over the content (images and labels of the training file, then of the test file)."""
    class_names: tuple[str, ...] = CLASS_NAMES
