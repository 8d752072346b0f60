"""Directories that arrive whole: sealed with a checksum of every file, renamed into place, verified.

`manifest.json` in a directory is {"sha256": {"a/file": its digest, ...}} over all its other files.
"""

import hashlib
import itertools
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import writing

MANIFEST = "manifest.json"

MAX_JSON_BYTES = 16 * 1024 * 1024
"""A larger file is refused unread."""

MAX_FILES = 4096
"""A directory with more files and folders below it is refused."""

MAX_DEPTH = 8
"""So is one with folders more deeply nested."""

Sums = dict[str, str]
"""The SHA-256 of each file by its name, "a/file"."""

REMEDY = "copy it again from where it came, or make it anew"


@contextmanager
def sealed_directory(path: Path) -> Iterator[Path]:
    """A path to write a directory to; on leaving, it is sealed and takes the place of `path`.

    Interrupted at any moment, `present(path)` is the old directory or the new one, whole. What was
    half-written goes at once, or with the next attempt where the process was killed. One process
    at a time may write to `path`.

    Raises UserError for a path that holds anything but a sealed directory, and for what the file
    system refuses.
    """
    path = path.resolve()
    previous, aside = _previous(path), path.with_name(f".{path.name}.partial")
    written = aside / "directory"
    try:
        with writing(path):
            if path.exists() and not is_sealed(path):
                raise UserError(
                    f"{path}: exists, and no {MANIFEST} says that it may be replaced; "
                    "remove it or name another"
                )
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            yield written
            _seal(written)
            if path.exists():
                shutil.rmtree(previous, ignore_errors=True)
                path.rename(previous)
            written.rename(path)
            _sync(path.parent)
    finally:
        if _exists(previous) and not _exists(path):
            previous.rename(path)
        shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)


def present(path: Path) -> Path:
    """`path`, or the directory it was about to replace when its writer was killed."""
    previous = _previous(path)
    return previous if _exists(previous) and not _exists(path) else path


def beside(path: Path) -> tuple[Path, ...]:
    """Where `sealed_directory` may have left the directory that `path` was about to replace."""
    return (_previous(path),)


def is_sealed(directory: Path) -> bool:
    """Whether the directory has a manifest with checksums; they may be wrong.

    Raises UserError where permissions keep that from being told.
    """
    try:
        return isinstance(_read_sums(directory), dict)
    except UserError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return False


def verify(directory: Path, largest: int) -> Sums:
    """Hold every file of the directory against its manifest; returns the manifest's checksums.

    Raises UserError for the first file that is missing, altered, cut short, unknown, a link or not
    to be read, and for more than `largest` bytes or `MAX_FILES` files, before any is opened.
    """
    with reading(directory):
        if not directory.is_dir():
            raise UserError(f"{directory}: no such directory; check the path")
        if not (directory / MANIFEST).exists():
            raise UserError(f"{directory / MANIFEST}: missing: half-written or damaged; {REMEDY}")
        files = _files(directory)
        held = sum(file.stat().st_size for file in files.values())
        if held > largest:
            raise UserError(
                f"{directory}: holds {held} bytes, more than the {largest} that are read; "
                "use a smaller one"
            )
        sums = _read_sums(directory)
        for name in sorted(sums.keys() | files.keys() - {MANIFEST}):
            file = directory / name
            if name not in files:
                raise UserError(f"{file}: missing, though the manifest has it; {REMEDY}")
            if name not in sums:
                raise UserError(f"{file}: not in the directory's manifest; remove it")
            if _sha256(files[name]) != sums[name]:
                raise UserError(f"{file}: altered or cut short (SHA-256); {REMEDY}")
    return sums


def read_verified(directory: Path, name: str, sums: Sums, largest: int) -> bytes:
    """What the file `name` holds: these very bytes have the checksum that `sums` gives it.

    Raises UserError for a file that `sums` doesn't have, for more than `largest` bytes, and where it
    was altered since `verify`.
    """
    file = directory / name
    with reading(file):
        if name not in sums or not file.is_file():
            raise UserError(f"{file}: missing; {REMEDY}")
        with file.open("rb") as stream:
            content = stream.read(largest + 1)
    if len(content) > largest:
        raise UserError(f"{file}: holds more than {largest} bytes; {REMEDY}")
    if hashlib.sha256(content).hexdigest() != sums[name]:
        raise UserError(f"{file}: altered or cut short (SHA-256); {REMEDY}")
    return content


def read_json(file: Path) -> Any:
    """Read a JSON file. Raises UserError where it can't be read or holds NaN or infinity."""
    with reading(file):
        if not stat.S_ISREG(file.stat().st_mode):  # to open a pipe would be to wait
            raise UserError(f"{file}: not a file; {REMEDY}")
        with file.open("rb") as stream:
            content = stream.read(MAX_JSON_BYTES + 1)
    return parse_json(content, file)


def parse_json(content: bytes, file: Path) -> Any:
    """The value that `content` stands for. Raises UserError as `read_json` does."""
    try:
        if len(content) > MAX_JSON_BYTES:
            raise ValueError(f"larger than {MAX_JSON_BYTES} bytes")
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: can't be read as JSON ({error}); {REMEDY}") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's refusals into errors that name the file, or the folder that bars the way."""
    try:
        yield
    except OSError as error:
        file = Path(error.filename or path)
        barred = (folder for folder in reversed(file.parents) if not os.access(folder, os.X_OK))
        where = next(barred, file) if isinstance(error, PermissionError) else file
        raise UserError(
            f"{where}: can't be read ({error.strerror}); check the path and its permissions"
        ) from error


def _read_sums(directory: Path) -> Sums:
    manifest = read_json(directory / MANIFEST)
    sums = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(sums, dict):
        raise UserError(f"{directory / MANIFEST}: altered or cut short: no checksums; {REMEDY}")
    return sums


def _seal(directory: Path) -> None:
    sums = {name: _sha256(file) for name, file in _files(directory).items()}
    text = json.dumps({"sha256": sums}, indent=1) + "\n"
    (directory / MANIFEST).write_text(text, encoding="utf-8")
    for entry in (*directory.rglob("*"), directory):
        _sync(entry)


def _files(directory: Path) -> dict[str, Path]:
    """The files below the directory by their relative names, "a/file"."""
    entries = sorted(itertools.islice(_entries(directory, MAX_DEPTH), MAX_FILES + 1))
    if len(entries) > MAX_FILES:
        raise UserError(f"{directory}: holds more than {MAX_FILES} files; name another directory")
    files = {}
    for entry in entries:
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise UserError(f"{entry}: neither a file nor a folder; remove it")
        if entry.is_file():
            files[entry.relative_to(directory).as_posix()] = entry
    return files


def _entries(directory: Path, depth: int) -> Iterator[Path]:
    """All that is below the directory. Unlike rglob, raises OSError for a folder it can't read."""
    if not depth:
        raise UserError(f"{directory}: folders too deeply nested; name another directory")
    for entry in directory.iterdir():
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from _entries(entry, depth - 1)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _previous(path: Path) -> Path:
    path = path.resolve()  # what a link points to is what gets replaced
    return path.parent / f".{path.name}.previous"


def _exists(path: Path) -> bool:
    """Whether it is there; not where the way is barred, which whoever reads or writes next says."""
    try:
        return path.exists()
    except OSError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
