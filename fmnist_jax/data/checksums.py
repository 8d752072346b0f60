"""The two releases of Fashion-MNIST, recognised by SHA-256; see docs/data.md.

Checksums cover the content alone: a byte a label or pixel, in the file's order, without an IDX header. So
they are the same for IDX and CSV files.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from fmnist_jax.data.dataset import RawData, ReleaseName, Split
from fmnist_jax.errors import UserError

Part = Literal["images", "labels"]
PARTS: tuple[Part, ...] = ("images", "labels")


class Release(NamedTuple):
    """What identifies a release."""

    sums: Mapping[tuple[str, Part], str]
    """SHA-256 by split ("train", "test") and part; a part whose sum isn't known is missing."""
    pixel_sums: Mapping[int, int]
    """Sums of some pixels (columns, counted from 1) over all training images; {} if unknown."""


RELEASES: dict[ReleaseName, Release] = {
    "official": Release(
        {
            ("train", "images"): "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            ("train", "labels"): "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            ("test", "images"): "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            ("test", "labels"): "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
        },
        {1: 48, 2: 347, 3: 1805, 4: 6228, 784: 4253},
    ),
    "early": Release(
        # Nobody has reported the sums of its images yet.
        {
            ("train", "labels"): "08234e4721389732c9ebcb39c414f1950e8c825032ff57f19f6f3a7790b2a04d",
            ("test", "labels"): "d4d3815b46ea2e06fde4f5b2ce0510a726fc01155a36a0dd781bfc474e0b74a6",
        },
        {1: 54, 2: 369, 3: 2120, 4: 6116, 784: 4215},
    ),
}
"""The releases by name. The early one's pixel sums are 60,000 times the published means of Kaggle's CSV."""

CHECKSUM = "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
"""`checksum` of the official release."""

TRAIN_EXAMPLES, TEST_EXAMPLES = 60_000, 10_000

_REMEDY = "fetch it again, or pass --no-verify (verify=False) for data of your own"


def raw_data(train: Split, test: Split, source: str, path: Path | None) -> RawData:
    """Return what a source read, with its checksum."""
    return RawData(train, test, source, path, checksum(train, test))


def flatten(train: Split, test: Split) -> np.ndarray:
    """Return all content as bytes (uint8): train images, train labels, test images, test labels."""
    parts = []
    for split in (train, test):
        parts += [split.images.reshape(-1), split.labels.astype(np.uint8)]
    return np.concatenate(parts)


def checksum(train: Split, test: Split) -> str:
    """Return the SHA-256 over the content in its order, as `flatten` lays it out."""
    return hashlib.sha256(flatten(train, test).data).hexdigest()


def content_sums(split: Split) -> dict[Part, str]:
    """Return the SHA-256 of a split's images and labels, as `RELEASES` lists them."""
    parts: dict[Part, np.ndarray] = {
        "images": split.images,
        "labels": split.labels.astype(np.uint8),
    }
    return {
        part: hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
        for part, array in parts.items()
    }


def release_of(raw: RawData) -> ReleaseName:
    """Return which release `raw` is; "other" for all that `check_release` refuses."""
    if raw.checksum == CHECKSUM:  # saves the check below, a tenth of a second
        return "official"
    nowhere = Path()
    try:
        return check_release(raw, {split: (nowhere, nowhere) for split in ("train", "test")})
    except UserError:
        return "other"


def check_release(raw: RawData, files: Mapping[str, tuple[Path, Path]]) -> ReleaseName:
    """Return the release that `raw` is; UserError, with its `files` by split, if it is none.

    Images are accepted unverified if the labels are a release's whose images have no known sum.
    """
    train = _check_split("train", raw.train, *files["train"])
    test = _check_split("test", raw.test, *files["test"])
    if train != test:
        raise UserError(
            f"{files['train'][1]}: training labels of the {train} release with test labels of the {test} "
            f"release ({files['test'][1]}): take both from one release"
        )
    return train


def _check_split(split: str, content: Split, images_file: Path, labels_file: Path) -> ReleaseName:
    """Return the release of one split."""
    sums = content_sums(content)
    known: dict[tuple[Part, str], tuple[ReleaseName, str]] = {
        (part, digest): (name, of)
        for name, release in RELEASES.items()
        for (of, part), digest in release.sums.items()
    }
    images_release, images_split = known.get(("images", sums["images"]), (None, split))
    release, labels_split = known.get(("labels", sums["labels"]), (None, split))
    for part, file, found in (
        ("images", images_file, images_split),
        ("labels", labels_file, labels_split),
    ):
        if found != split:
            raise UserError(
                f"{file}: expected the {split} {part}, found the {found} {part}: the files are "
                "swapped, give them their own names"
            )
    if release is None:
        raise UserError(
            f"{labels_file}: its labels are in the order of neither release of Fashion-MNIST (SHA-256 "
            f"{sums['labels']}): altered or reordered, {_REMEDY}"
        )
    images_release = images_release or _release_by_pixels(split, content)
    if images_release not in (None, release):
        raise UserError(
            f"{labels_file}: labels of the {release} release with images of the "
            f"{images_release} release ({images_file}): take both from one release"
        )
    expected = RELEASES[release].sums.get((split, "images"))
    if expected not in (None, sums["images"]):
        raise UserError(
            f"{images_file}: altered, its images are not the {release} release's (expected "
            f"SHA-256 {expected}, found {sums['images']}): {_REMEDY}"
        )
    return release


def _release_by_pixels(split: str, content: Split) -> ReleaseName | None:
    """Return the release with these `pixel_sums`, in any order; None for test images."""
    if split != "train":
        return None
    sums = content.images.reshape(len(content.images), -1).sum(axis=0, dtype=np.int64)
    for name, release in RELEASES.items():
        if release.pixel_sums and all(sums[i - 1] == s for i, s in release.pixel_sums.items()):
            return name
    return None


def unverified_images(raw: RawData, release: ReleaseName) -> str | None:
    """Return a warning, with the images' SHA-256, if the release's images have no known sums; else None."""
    splits = {"train": raw.train, "test": raw.test}
    if release == "other" or all((s, "images") in RELEASES[release].sums for s in splits):
        return None
    sums = ", ".join(f"{split} {content_sums(part)['images']}" for split, part in splits.items())
    agree = _release_by_pixels("train", raw.train) == release
    verdict = "agree with the published ones" if agree else "differ: they are probably other images"
    return (
        f"Unverified images: the labels are those of the {release} release, whose images have no known "
        f"checksums yet. Sums of some pixels over the training images {verdict}. SHA-256 of the images: "
        f"{sums}. Please report these to the project if the files are Kaggle's."
    )
