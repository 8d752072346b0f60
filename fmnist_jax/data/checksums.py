"""The content of the real data set, by SHA-256.

The sums of the four files are those of their unpacked bytes, so that they hold for every way of
packing. The digests don't depend on the order of the examples: CSV copies are often shuffled.
"""

import hashlib
from pathlib import Path

import numpy as np

from fmnist_jax.data.dataset import RawData, Split
from fmnist_jax.errors import UserError

FILE_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""Unpacked IDX files, header included."""

DIGESTS = {
    "train": "0c69d5cdeb902b69084012f812f066de080317bb3c64f43ca87f910d8ec86906",
    "test": "90c92c0507755a7d443edde8297ce4d0f131e42884e2e87e7fc9b81ffe215258",
}
"""`content_digest` of the two splits."""

CHECKSUM = "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
"""`checksum` of the whole data set in its original order."""

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


def content_digest(split: Split) -> str:
    """Return a SHA-256 of the examples that doesn't depend on their order.

    SHA-256 over the sorted SHA-256 of each example (its label's byte, then its 784 pixels).
    """
    rows = np.concatenate(
        [split.labels.astype(np.uint8)[:, None], split.images.reshape(len(split.images), -1)],
        axis=1,
    )
    return hashlib.sha256(b"".join(sorted(hashlib.sha256(r).digest() for r in rows))).hexdigest()


def is_fashion_mnist(raw: RawData) -> bool:
    """Say whether `raw` holds the real data set, in whatever order."""
    if (len(raw.train.labels), len(raw.test.labels)) != (TRAIN_EXAMPLES, TEST_EXAMPLES):
        return False
    return raw.checksum == CHECKSUM or (
        content_digest(raw.train) == DIGESTS["train"]
        and content_digest(raw.test) == DIGESTS["test"]
    )


def check_file(path: Path, name: str, found: str) -> None:
    """Raise UserError unless `found` is the SHA-256 of the unpacked file that `name` names."""
    _check(path, name, found, FILE_SHA256)


def check_digest(path: Path, name: str, found: str) -> None:
    """Raise UserError unless `found` is the content digest of the split that `name` names."""
    _check(path, name, found, DIGESTS)


def _check(path: Path, name: str, found: str, known: dict[str, str]) -> None:
    if found == known[name]:
        return
    for other, expected in known.items():
        if found == expected:
            raise UserError(
                f"{path}: expected the content of {name}, found that of {other} (SHA-256 {found}): "
                "the files are swapped, give them their own names"
            )
    raise UserError(
        f"{path}: altered, its content is not Fashion-MNIST's (expected SHA-256 {known[name]}, "
        f"found {found}): {_REMEDY}"
    )
