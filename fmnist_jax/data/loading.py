"""From a configuration to the data set: `load_dataset(DataConfig(), print)`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import optional

from fmnist_jax.config.fields import as_int, number, of_type, one_of, whole
from fmnist_jax.data import cache
from fmnist_jax.data.checksums import release_of, unverified_images
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.sources import obtain
from fmnist_jax.data.splitting import split_files
from fmnist_jax.errors import UserError


def _as_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str | os.PathLike) else value


@frozen
class DataConfig:
    """Where the images come from and how the validation split is taken.

    Args:
        source: The data source: idx and csv read data_dir, debian reads the files of Debian's installed
            package, tfds uses TensorFlow Datasets, apt fetches Debian's package, synthetic draws
            images. By default the first that works of cache, debian, tfds and apt.
        data_dir: A directory with the four IDX files (.gz or not) or the two CSV files. By default the
            one that the environment variable FMNIST_DATA_DIR names, if any.
        validation_fraction: The share of the training file that becomes the validation split,
            less than 1; 0 means that there is none, see `TrainingConfig.keep`.
        stratified: Give each class the same share in the validation split as in the training file.
        split_seed: The seed of the validation split, from 0 to 2^32 - 1.
        verify: Require a release of Fashion-MNIST, recognised by its SHA-256. Switch it off for your own
            data.
        release: The required release; early is the one of August 2017, as on Kaggle.
        resplit_seed: Draw a new test split, with this seed, from both files together: as many images of
            each class as the test file has. By default the test file is the test split.

    Raises:
        UserError: A field has an invalid value. The names of sources are checked by `load_dataset`.

    Examples:
        >>> DataConfig(data_dir="/data/fashion-mnist").validation_fraction
        0.2
        >>> DataConfig(split_seed=-1)
        Traceback (most recent call last):
        fmnist_jax.errors.UserError: split_seed must be a whole number from 0 to 4294967295, found -1

    References:
        Xiao, Rasul and Vollgraf, 2017, Fashion-MNIST: https://arxiv.org/abs/1708.07747
    """

    source: str | None = None
    data_dir: Path | None = field(
        default=None, converter=_as_path, validator=optional(of_type(Path, 'Path("data")'))
    )
    validation_fraction: float = field(default=0.2, validator=number(0, below=1))
    stratified: bool = field(default=False, validator=of_type(bool, "True"))
    split_seed: int = field(default=0, converter=as_int, validator=whole(0, 2**32 - 1))
    verify: bool = field(default=True, validator=of_type(bool, "True"))
    release: Literal["any", "official", "early"] = field(
        default="any", validator=one_of("any", "official", "early")
    )
    resplit_seed: int | None = field(
        default=None, converter=as_int, validator=optional(whole(0, 2**32 - 1))
    )


def load_dataset(config: DataConfig, log: Callable[[str], None]) -> Dataset:
    """Load the images and split them into training, validation and test images.

    The first load of a directory or a download keeps an unpacked copy in the cache (FMNIST_CACHE_DIR).

    Args:
        config: Which images, and how the validation split is taken.
        log: Receives a line that names the source, and another one if images can't be verified.

    Returns:
        The splits: images uint8 of shape (n, 28, 28), grey levels from 0 (background) to 255, and labels
        int32 of shape (n,), indices into `class_names`; the source, its checksum and its release.

    Raises:
        UserError: No source works; a file is damaged, altered or of another release than required; or
            the validation split would be empty, though its fraction isn't 0, or take everything.

    Examples:
        >>> dataset = load_dataset(DataConfig(source="synthetic"), log=lambda line: None)
        >>> dataset.train.images.shape, dataset.train.labels.shape
        ((4800, 28, 28), (4800,))
        >>> dataset.title
        "other images than Fashion-MNIST's"

    References:
        Xiao, Rasul and Vollgraf, 2017, Fashion-MNIST: https://arxiv.org/abs/1708.07747
    """
    raw = obtain(config.source, config.data_dir, config.verify, config.release)
    release = release_of(raw)
    if config.release not in ("any", release):
        raise UserError(
            f"release: expected the {config.release} release, found the {release} one in {raw.source}: "
            "pass a --data-dir with its files (and --source csv if IDX files of another one are there too)"
        )
    files = split_files(
        raw, config.validation_fraction, config.split_seed, config.stratified, config.resplit_seed
    )
    dataset = Dataset(
        files.splits["train"],
        files.splits["validation"],
        files.splits["test"],
        raw.source,
        raw.checksum,
        path=raw.path,
        release=release,
        resplit_seed=config.resplit_seed,
        positions=files.positions,
        training_file=len(raw.train.labels),
    )
    special = release == "early" or config.resplit_seed is not None
    title = f", {dataset.title}" if special else ""
    log(
        f"Data: {raw.source}{title}: {len(dataset.train.labels)} training, "
        f"{len(dataset.validation.labels)} validation, {len(dataset.test.labels)} test images"
    )
    if warning := unverified_images(raw, release):
        log(warning)
    return dataset


def describe(dataset: Dataset) -> dict[str, object]:
    """Return what `fmnist-jax data` reports about a data set, as JSON values."""
    return {
        "source": dataset.source,
        "path": None if dataset.path is None else str(dataset.path),
        "train": len(dataset.train.labels),
        "validation": len(dataset.validation.labels),
        "test": len(dataset.test.labels),
        "classes": list(dataset.class_names),
        "checksum": dataset.checksum,
        "fashion_mnist": dataset.release != "other",
        "release": dataset.release,
        "title": dataset.title,
        "resplit_seed": dataset.resplit_seed,
        "test_images_from_the_test_file": int(dataset.from_test_file("test").sum()),
        "cache": str(cache.cache_directory()),
    }
