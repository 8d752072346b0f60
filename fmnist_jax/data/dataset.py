"""The data set in memory: three splits of images and labels, and where they came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from attrs import field, frozen
from jaxtyping import Bool, Int32, UInt8

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
    resplit_seed: int | None = None
    """The seed that drew the test split from both files; None if it is the test file."""
    positions: Mapping[str, Int32[np.ndarray, " n"]] = field(factory=dict)
    """By split, where each image stands in the training file followed by the test file; {} if unknown."""
    training_file: int = 0
    """Images of the training file: positions from here on are in the test file."""

    @property
    def title(self) -> str:
        """The release as results name it: "Fashion-MNIST, official release", with the re-split if any."""
        title = RELEASE_TITLES[self.release]
        return title if self.resplit_seed is None else f"{title}, re-split {self.resplit_seed}"

    def from_test_file(self, split: str) -> Bool[np.ndarray, " n"]:
        """Which images of a split come from the test file. Raises KeyError if positions are unknown."""
        return self.positions[split] >= self.training_file

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
