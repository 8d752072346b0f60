"""The sources of the data: functions by name, and the order in which they are tried."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

from fmnist_jax.data import cache, checksums, debian
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.directory import FORMATS, find_files, read_files
from fmnist_jax.data.synthetic import draw_synthetic
from fmnist_jax.errors import UserError, missing_extra, unknown_name


def load_debian(verify: bool) -> RawData:
    """Return the data of Debian's installed package."""
    if not debian.DIRECTORY.is_dir():
        raise UserError(f"{debian.DIRECTORY} is not there: install {debian.PACKAGE}")
    return load_directory(debian.DIRECTORY, "idx", verify)


def load_tfds(verify: bool) -> RawData:
    """Return the data from TensorFlow Datasets; always checked, since it is a download."""

    def read() -> RawData:
        try:
            from fmnist_jax.data import tfds_builder  # slow to import, and an extra
        except ModuleNotFoundError as error:
            raise missing_extra(f"TensorFlow Datasets (module {error.name})", "tfds") from error

        return tfds_builder.load_tfds(cache.cache_directory() / "tensorflow_datasets")

    return _cached("tfds", read, verify=True)


def load_apt(verify: bool) -> RawData:
    """Return the data of Debian's package, fetched by apt-get; always checked."""
    return _cached("apt", debian.load_package, verify=True)


def load_synthetic(verify: bool) -> RawData:
    """Return garment-like pictures drawn by code, for which there is nothing to check."""
    return draw_synthetic()


SOURCES: dict[str, Callable[[bool], RawData]] = {
    "debian": load_debian,
    "tfds": load_tfds,
    "apt": load_apt,
    "synthetic": load_synthetic,
}
"""The sources that need no directory; the argument is whether to check the content."""

AUTOMATIC = ("debian", "tfds", "apt")
"""The sources that are tried in turn if none is named. Never `synthetic`."""


_EARLY = "download the CSV files from Kaggle and pass their directory as --data-dir"


def obtain(
    source: str | None, data_dir: Path | None, verify: bool, release: str = "any"
) -> RawData:
    """Return the data of the named source, else of a directory, else of the first source that works."""
    if source is not None and source not in (*FORMATS, *SOURCES):
        raise unknown_name("data source", source, (*FORMATS, *SOURCES))
    if data_dir is not None and source in SOURCES:
        raise UserError(
            f"data source {source!r} takes no directory, but {data_dir} is given: leave one of them out"
        )
    if release == "early" and source in SOURCES:
        raise UserError(f"release: data source {source!r} doesn't have the early release: {_EARLY}")
    if source in SOURCES:
        return SOURCES[source](verify)
    if data_dir is None and (named := os.environ.get("FMNIST_DATA_DIR")):
        data_dir = Path(named)
    if data_dir is not None:
        return load_directory(data_dir, source, verify)
    if source is not None:
        raise UserError(
            f"data source {source!r} needs a directory: pass --data-dir or set FMNIST_DATA_DIR"
        )
    if release == "early":
        raise UserError(f"release: the early release can't be fetched: {_EARLY}")
    return _first_that_works(verify)


def load_directory(directory: Path, format_name: str | None, verify: bool) -> RawData:
    """Return the data of a directory in the named format, or in the first format that it has files of."""
    formats = FORMATS if format_name is None else {format_name: FORMATS[format_name]}
    try:
        names = [path.name for path in directory.iterdir()]
        found = [(form, find_files(form, directory)) for form in formats.values()]
    except OSError as error:
        raise UserError(
            f"{directory}: can't be read as a directory ({error.strerror}): "
            "check the path and its permissions"
        ) from error
    for form, files in found:
        if files is not None:
            key = cache.fingerprint(path for pair in files.values() for path in pair)
            return _cached(key, functools.partial(read_files, form, files, verify), verify)
    there = ", ".join(sorted(names)[:5]) or "nothing"
    expected = ", nor ".join(candidate.expected for candidate in formats.values())
    raise UserError(
        f"{directory}: doesn't hold {expected} (found {there}): put them there or name another "
        "directory"
    )


def _cached(key: str, read: Callable[[], RawData], verify: bool) -> RawData:
    """Return what the cache has under `key`, else what `read` returns, which is then stored."""

    def hit() -> RawData | None:
        raw = cache.load(key)
        # It may have been stored unchecked.
        return raw if raw and (not verify or checksums.release_of(raw) != "other") else None

    if raw := hit():
        return raw
    with cache.lock():
        if raw := hit():  # another process was first
            return raw
        raw = read()
        cache.store(key, raw)
        return raw


def _first_that_works(verify: bool) -> RawData:
    """Return the official release from the cache, else from the first automatic source that works."""
    raw = cache.load_content(
        checksums.CHECKSUM,
        checksums.TRAIN_EXAMPLES,
        checksums.TEST_EXAMPLES,
        f"cache of an earlier load in {cache.cache_directory()}",
        cache.cache_directory(),
    )
    if raw:
        return raw
    failures = []
    for name in AUTOMATIC:
        try:
            return SOURCES[name](verify)
        except UserError as error:
            failures.append(f"{name}: {error}")
    raise UserError(
        f"Fashion-MNIST isn't available from any source ({'; '.join(failures)}): install Debian's package "
        f"{debian.PACKAGE}, connect to a network, or put {FORMATS['idx'].expected} or "
        f"{FORMATS['csv'].expected} in a directory and pass it as --data-dir or FMNIST_DATA_DIR"
    )
