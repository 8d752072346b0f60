"""A directory's files: which are the data set's, in which format, and what is in them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from fmnist_jax.data.checksums import check_release, raw_data
from fmnist_jax.data.csv_files import read_csv_pair
from fmnist_jax.data.dataset import RawData, make_split
from fmnist_jax.data.idx import read_idx_pair
from fmnist_jax.errors import UserError

Files = dict[str, tuple[Path, Path]]
"""By split, the files of its images and of its labels."""


class Format(NamedTuple):
    """A file format of the data set."""

    title: str
    names: tuple[Mapping[str, tuple[str, str]], ...]
    """By split, the names of the files of images and labels; the alternatives in order."""
    suffixes: tuple[str, ...]
    """What may follow a name; the first that is there is read."""
    read: Callable[
        [Path, Path],
        tuple[UInt8[np.ndarray, "images height width"], UInt8[np.ndarray, " labels"]],
    ]
    """Returns images and labels of these two files."""
    expected: str
    """The expected files, for errors."""


FORMATS = {
    "idx": Format(
        "IDX",
        (
            {
                "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
                "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
            },
        ),
        ("", ".gz"),
        read_idx_pair,
        "the four IDX files (train-images-idx3-ubyte[.gz], ...)",
    ),
    "csv": Format(
        "CSV",
        tuple(
            {split: (f"{prefix}{split}.csv", f"{prefix}{split}.csv") for split in ("train", "test")}
            for prefix in ("fashion-mnist_", "")
        ),
        ("",),
        read_csv_pair,
        "fashion-mnist_train.csv and fashion-mnist_test.csv (or train.csv and test.csv)",
    ),
}
"""The formats of a directory's files, in the order in which they are looked for."""


def find_files(form: Format, directory: Path) -> Files | None:
    """Return the directory's files of this format, None if there is none; UserError if some are missing."""
    missing: list[str] = []
    for names in form.names:
        wanted = dict.fromkeys(name for pair in names.values() for name in pair)
        found = {
            name: path
            for name in wanted
            for suffix in reversed(form.suffixes)
            if (path := directory / (name + suffix)).exists()
        }
        if len(found) == len(wanted):
            return {
                split: (found[images], found[labels]) for split, (images, labels) in names.items()
            }
        if found:
            missing += [name for name in wanted if name not in found]
    if missing:
        raise UserError(f"{directory}: {', '.join(missing)} missing: fetch {form.expected}")
    return None


def read_files(form: Format, files: Files, verify: bool) -> RawData:
    """Read the data set from its files. Raises UserError, with `verify` for all that is no release too."""
    splits = {split: make_split(*form.read(*pair), *pair) for split, pair in files.items()}
    directory = files["train"][0].parent
    source = f"{form.title} files in {directory}"
    raw = raw_data(splits["train"], splits["test"], source, directory)
    if verify:
        check_release(raw, files)
    return raw
