"""What every part of the project means by "the data": three splits of images and labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from fmnist_jax.errors import UserError

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


class RawData(NamedTuple):
    """What a source gives: the two files' content, before a validation split is taken."""

    train: Split
    test: Split
    source: str
    """What it is and where it was found, for the log: "IDX files in /data/fashion-mnist"."""
    path: Path | None
    """The directory it was read from; None where there is none (synthetic)."""
    checksum: str
    """SHA-256 over the content, as `checksums.checksum` takes it."""


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
    path: Path | None = None
    """The directory that was read; None where there is none."""

    @property
    def splits(self) -> dict[str, Split]:
        """The three by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def make_split(
    images: UInt8[np.ndarray, "n h w"],
    labels: UInt8[np.ndarray, " n"],
    images_from: Path,
    labels_from: Path,
) -> Split:
    """Return images and labels as a split, or raise UserError where they don't fit each other."""
    if images.shape[1:] != IMAGE_SHAPE:
        height, width = images.shape[1:]
        raise UserError(f"{images_from}: expected images of 28x28 pixels, found {height}x{width}")
    if len(images) != len(labels):
        raise UserError(
            f"{images_from} holds {len(images)} images but {labels_from} holds {len(labels)} labels: "
            "they don't belong together, fetch both again"
        )
    wrong = np.flatnonzero(labels >= len(CLASS_NAMES))
    if wrong.size:
        raise UserError(
            f"{labels_from}: example {wrong[0]} has the label {labels[wrong[0]]}, expected 0 to "
            f"{len(CLASS_NAMES) - 1}: fetch the file again"
        )
    return Split(images, labels.astype(np.int32))
