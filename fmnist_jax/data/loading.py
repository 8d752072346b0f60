"""From a configuration to the data set: `load_dataset(DataConfig(), print)`."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_jax.data import cache, checksums
from fmnist_jax.data.dataset import Dataset, RawData, Split
from fmnist_jax.data.sources import obtain
from fmnist_jax.data.splitting import take_validation
from fmnist_jax.errors import UserError


@dataclass(frozen=True)
class DataConfig:
    """Where the images come from and how the validation split is taken."""

    source: str | None = None
    """Where to get the data: idx or csv (both read --data-dir), debian, tfds, apt or synthetic.
    By default the first that works of an earlier load, debian, tfds and apt."""
    data_dir: Path | None = None
    """A directory with the four IDX files (.gz or not) or the two CSV files.
    By default what FMNIST_DATA_DIR names, if anything."""
    validation_fraction: float = 0.2
    """The share of the training file that is kept for validation."""
    stratified: bool = False
    """Keep each class's share in the validation split."""
    split_seed: int = 0
    """The same seed gives the same validation split."""
    verify: bool = True
    """Whether the content must have Fashion-MNIST's known SHA-256; --no-verify is for your own data."""

    def __post_init__(self) -> None:
        """Refuse what can't be loaded or split by; `obtain` knows the names of the sources."""
        if not isinstance(self.data_dir, str | os.PathLike | None):
            raise UserError(f"data_dir: expected a path, found {self.data_dir!r}")
        for name in ("stratified", "verify"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise UserError(f"{name}: expected True or False, found {value!r}")
        fraction, seed = self.validation_fraction, self.split_seed
        if not (isinstance(fraction, int | float) and 0 < fraction < 1):
            raise UserError(
                f"validation_fraction: expected a number between 0 and 1, found {fraction!r}"
            )
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 32:
            raise UserError(f"split_seed: expected an int from 0 to 2^32 - 1, found {seed!r}")


def load_dataset(config: DataConfig, log: Callable[[str], None]) -> Dataset:
    """Return the three splits that `config` asks for; `log` gets one line: which source, where.

    The first load of a directory or a download keeps an unpacked copy in the cache. Raises
    UserError where the data can't be had, is damaged or altered, or can't be split as asked.
    """
    # Python users may give a str.
    data_dir = None if config.data_dir is None else Path(config.data_dir)
    raw = obtain(config.source, data_dir, config.verify)
    train, validation = take_validation(
        raw.train, config.validation_fraction, config.split_seed, config.stratified
    )
    log(
        f"Data: {raw.source}: {len(train.labels)} training, {len(validation.labels)} validation, "
        f"{len(raw.test.labels)} test images"
    )
    return Dataset(train, validation, raw.test, raw.source, raw.checksum, path=raw.path)


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what `fmnist-jax data` tells about a data set, as values that JSON knows."""
    images, labels = (
        np.concatenate(parts) for parts in zip(dataset.train, dataset.validation, strict=True)
    )
    train = Split(images, labels)
    raw = RawData(train, dataset.test, dataset.source, dataset.path, dataset.checksum)
    return {
        "source": dataset.source,
        "path": None if dataset.path is None else str(dataset.path),
        "train": len(dataset.train.labels),
        "validation": len(dataset.validation.labels),
        "test": len(dataset.test.labels),
        "classes": list(dataset.class_names),
        "checksum": dataset.checksum,
        "fashion_mnist": checksums.is_fashion_mnist(raw),
        "cache": str(cache.cache_directory()),
    }
