"""The data set in memory: three splits of images and labels, and where they came from."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from attrs import frozen
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

ReleaseName = Literal["official", "early", "other"]

RELEASE_TITLES: dict[ReleaseName, str] = {
    "official": "Fashion-MNIST, official release",
    "early": "Fashion-MNIST, early release (August 2017, as on Kaggle)",
    "other": "other images than Fashion-MNIST's",
}
"""How results and the command line name a release."""


class Split(NamedTuple):
    """Images with their labels, in the same order."""

    images: UInt8[np.ndarray, "n 28 28"]
    """Grey levels, 0 (background) to 255."""
    labels: Int32[np.ndarray, " n"]
    """Indices into the class names."""


class RawData(NamedTuple):
    """The content of the training and test file, before a validation split is taken."""

    train: Split
    test: Split
    source: str
    """What the log names: "IDX files in /data/fashion-mnist"."""
    path: Path | None
    """The directory it was read from; None for synthetic images."""
    checksum: str
    """SHA-256 over the content, see `checksums.checksum`."""


@frozen(eq=False)
class Dataset:
    """Training, validation and test split, and where they came from."""

    train: Split
    validation: Split
    """Empty if all training images are trained on."""
    test: Split
    source: str
    """What the log names: "IDX files in /data/fashion-mnist"."""
    checksum: str
    """SHA-256 over the content (images and labels of the training file, then of the test file)."""
    class_names: tuple[str, ...] = CLASS_NAMES
    path: Path | None = None
    """The directory that was read; None for synthetic images."""
    release: ReleaseName = "other"
    """Which release of Fashion-MNIST it is; "other" for all other images."""

    @property
    def title(self) -> str:
        """The release as results name it: "Fashion-MNIST, official release"."""
        return RELEASE_TITLES[self.release]

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name, without an empty validation split."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        if not len(self.validation.labels):
            del splits["validation"]
        return splits


def make_split(
    images: UInt8[np.ndarray, "images height width"],
    labels: UInt8[np.ndarray, " labels"],
    images_from: Path,
    labels_from: Path,
) -> Split:
    """Return images and labels as a split; raises UserError if they don't fit each other."""
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
