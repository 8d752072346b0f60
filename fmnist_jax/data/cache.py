"""Unpacked copies of data sets, so that the next load needs no unpacking or parsing.

A content file is named by its SHA-256 and its splits' sizes; it holds the raw bytes that
`checksums.flatten` returns and no header that would need to be checked. An index file for each key (a
source, or a fingerprint of the files that were read) names the content file. Files are written to a
temporary path and renamed, so that a reader never sees an incomplete file.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import filelock
import numpy as np
import platformdirs

from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import CLASS_NAMES, IMAGE_SHAPE, RawData, Split
from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import write_bytes

_EXAMPLE_BYTES = IMAGE_SHAPE[0] * IMAGE_SHAPE[1] + 1
LOCK_SECONDS = 900
"""How long a process waits for another one that fetches data."""


def cache_directory() -> Path:
    """Return FMNIST_CACHE_DIR, or the user's cache directory for this program."""
    return Path(os.environ.get("FMNIST_CACHE_DIR") or platformdirs.user_cache_dir("fmnist-jax"))


def fingerprint(files: Iterable[Path]) -> str:
    """Return a key that changes with any file's path, size or modification time."""
    state = []
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            raise UserError(f"{path}: can't be read ({error.strerror})") from error
        state.append((str(path.resolve()), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def content_name(content: str, train: int, test: int) -> str:
    """Return the name of the file with this SHA-256 and these numbers of examples."""
    return f"{content}-{train}-{test}.bytes"


def load(key: str) -> RawData | None:
    """Return what was stored under `key`; None if nothing is there or it is damaged."""
    try:
        entry = json.loads((cache_directory() / f"{key}.json").read_bytes())
        source, path = str(entry["source"]), entry["path"]
        content, train, test = str(entry["content"]), int(entry["train"]), int(entry["test"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return load_content(content, train, test, source, None if path is None else Path(str(path)))


def load_content(
    content: str, train: int, test: int, source: str, path: Path | None
) -> RawData | None:
    """Return the stored content with the SHA-256 `content`; None if it is missing or damaged."""
    file = cache_directory() / content_name(content, train, test)
    try:
        if train < 1 or test < 1 or file.stat().st_size != (train + test) * _EXAMPLE_BYTES:
            return None
        data = np.fromfile(file, np.uint8)
    except (OSError, ValueError):
        return None
    if hashlib.sha256(data.data).hexdigest() != content:
        return None
    splits = []
    for count in (train, test):
        images, data = np.split(data, [count * (_EXAMPLE_BYTES - 1)])
        labels, data = np.split(data, [count])
        if labels.max() >= len(CLASS_NAMES):
            return None
        splits.append(Split(images.reshape(count, *IMAGE_SHAPE), labels.astype(np.int32)))
    return RawData(splits[0], splits[1], source, path, content)


def store(key: str, raw: RawData) -> None:
    """Store `raw` under `key`. A cache that can't be written is no error: loading only stays slow."""
    data = checksums.flatten(raw.train, raw.test)
    entry = {
        "content": raw.checksum,
        "train": len(raw.train.labels),
        "test": len(raw.test.labels),
        "source": raw.source,
        "path": None if raw.path is None else str(raw.path),
    }
    directory = cache_directory()
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        content = directory / content_name(raw.checksum, entry["train"], entry["test"])
        write_bytes(content, data.data)
        # Last, so that an index never names missing content.
        write_bytes(directory / f"{key}.json", json.dumps(entry).encode())


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Let one process at a time fetch and store; no lock if the cache or system supports none."""
    lock = filelock.FileLock(cache_directory() / "lock", timeout=LOCK_SECONDS)
    try:
        cache_directory().mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{lock.lock_file}: held by another process for over {LOCK_SECONDS} s: wait or stop it"
        ) from error
    except (OSError, NotImplementedError):  # the cache can't be written, or there are no locks
        yield
        return
    try:
        yield
    finally:
        lock.release()
