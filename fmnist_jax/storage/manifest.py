"""Directories with a checksum of every file: written completely or not at all, and verified before use.

`manifest.json` in a directory is {"sha256": {"folder/file": its digest, ...}} over all its other files.
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
from fmnist_jax.storage.files import sync, writing

MANIFEST = "manifest.json"

MAX_JSON_BYTES = 16 * 1024 * 1024
"""A larger file is refused before it is read."""

MAX_FILES = 4096
"""A directory with more files and folders is refused."""

MAX_DEPTH = 8
"""A directory with more deeply nested folders is refused."""

Checksums = dict[str, str]
"""The SHA-256 of each file by its name, "folder/file"."""

REMEDY = "copy it again from where it came, or create it again"


@contextmanager
def sealed_directory(path: Path) -> Iterator[Path]:
    """Yield where to write what then replaces `path`: at any moment the old or the new one is there."""
    path = path.resolve()
    previous, temp_path = previous_directory(path), path.with_name(f".{path.name}.partial")
    written = temp_path / "directory"
    try:
        with writing(path):
            if path.exists() and not is_sealed(path):
                raise UserError(
                    f"{path}: exists, and has no {MANIFEST} to show that it may be replaced; "
                    "remove it or choose another path"
                )
            shutil.rmtree(temp_path, ignore_errors=True)
            temp_path.mkdir(parents=True)
            yield written
            seal(written)
            if path.exists():
                shutil.rmtree(previous, ignore_errors=True)
                path.rename(previous)
            written.rename(path)
            sync(path.parent)
    finally:
        if _exists(previous) and not _exists(path):
            previous.rename(path)
        shutil.rmtree(temp_path, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)


def current_directory(path: Path) -> Path:
    """Return `path`, or the directory that it was replacing when its writer was killed."""
    previous = previous_directory(path)
    return previous if _exists(previous) and not _exists(path) else path


def previous_directory(path: Path) -> Path:
    """Return where `sealed_directory` keeps the old directory until the new one is in its place."""
    path = path.resolve()  # a link stays; its target is replaced
    return path.parent / f".{path.name}.previous"


def is_sealed(directory: Path) -> bool:
    """Whether it has a manifest with checksums; UserError if permissions forbid reading it."""
    try:
        return isinstance(_read_checksums(directory), dict)
    except UserError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return False


def seal(directory: Path) -> None:
    """Write the manifest of the directory's files, and sync all of them to the disk."""
    checksums = {name: _sha256(file) for name, file in _files(directory).items()}
    text = json.dumps({"sha256": checksums}, indent=1) + "\n"
    (directory / MANIFEST).write_text(text, encoding="utf-8")
    for entry in (*directory.rglob("*"), directory):
        sync(entry)


def verify(directory: Path, max_bytes: int) -> Checksums:
    """Compare every file with the manifest; return its checksums. Sizes and links are checked first."""
    with reading(directory):
        if not directory.is_dir():
            raise UserError(f"{directory}: no such directory; check the path")
        if not (directory / MANIFEST).exists():
            raise UserError(f"{directory / MANIFEST}: missing: half-written or damaged; {REMEDY}")
        files = _files(directory)
        size = sum(file.stat().st_size for file in files.values())
        if size > max_bytes:
            raise UserError(
                f"{directory}: holds {size} bytes, more than the maximum of {max_bytes}; "
                "use a smaller one"
            )
        checksums = _read_checksums(directory)
        for name in sorted(checksums.keys() | files.keys() - {MANIFEST}):
            file = directory / name
            if name not in files:
                raise UserError(f"{file}: missing, though the manifest lists it; {REMEDY}")
            if name not in checksums:
                raise UserError(f"{file}: not in the directory's manifest; remove it")
            if _sha256(files[name]) != checksums[name]:
                raise UserError(f"{file}: changed or truncated (SHA-256); {REMEDY}")
    return checksums


def read_verified(directory: Path, name: str, checksums: Checksums, max_bytes: int) -> bytes:
    """Read the file `name`, at most `max_bytes`, with the checksum that `checksums` has for it."""
    file = directory / name
    with reading(file):
        if name not in checksums or not file.is_file():
            raise UserError(f"{file}: missing; {REMEDY}")
        with file.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UserError(f"{file}: holds more than {max_bytes} bytes; {REMEDY}")
    check_sha256(content, file, checksums[name])
    return content


def check_sha256(content: bytes | memoryview, file: Path, expected: str) -> None:
    """Raise UserError unless what was read from `file` has this checksum."""
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{file}: changed or truncated (SHA-256); {REMEDY}")


def read_json(file: Path) -> Any:
    """Read a JSON file. Raises UserError if it is unreadable or holds NaN or infinity."""
    with reading(file):
        if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait for a writer
            raise UserError(f"{file}: not a regular file; {REMEDY}")
        with file.open("rb") as stream:
            content = stream.read(MAX_JSON_BYTES + 1)
    return parse_json(content, file)


def parse_json(content: bytes, file: Path) -> Any:
    """Parse JSON that was read from `file`. Raises UserError as `read_json` does."""
    try:
        if len(content) > MAX_JSON_BYTES:
            raise ValueError(f"larger than {MAX_JSON_BYTES} bytes")
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: can't be read as JSON ({error}); {REMEDY}") from error


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise UserError in place of the system's errors; it names the file, or the folder that is closed."""
    try:
        yield
    except OSError as error:
        file = Path(error.filename or path)
        closed = (folder for folder in reversed(file.parents) if not os.access(folder, os.X_OK))
        where = next(closed, file) if isinstance(error, PermissionError) else file
        raise UserError(
            f"{where}: can't be read ({error.strerror}); check the path and its permissions"
        ) from error


def _read_checksums(directory: Path) -> Checksums:
    manifest = read_json(directory / MANIFEST)
    checksums = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(checksums, dict):
        raise UserError(f"{directory / MANIFEST}: changed or truncated: no checksums; {REMEDY}")
    return checksums


def _files(directory: Path) -> dict[str, Path]:
    """The files below the directory by their relative names, "folder/file"."""
    entries = sorted(itertools.islice(_entries(directory, MAX_DEPTH), MAX_FILES + 1))
    if len(entries) > MAX_FILES:
        raise UserError(f"{directory}: holds more than {MAX_FILES} files; use another directory")
    files = {}
    for entry in entries:
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise UserError(f"{entry}: neither a file nor a folder; remove it")
        if entry.is_file():
            files[entry.relative_to(directory).as_posix()] = entry
    return files


def _entries(directory: Path, depth: int) -> Iterator[Path]:
    """All entries below the directory. Unlike rglob, raises OSError for a folder that is unreadable."""
    if not depth:
        raise UserError(f"{directory}: folders too deeply nested; use another directory")
    for entry in directory.iterdir():
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from _entries(entry, depth - 1)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _exists(path: Path) -> bool:
    """Whether it exists; False if a folder is closed, which the next reader or writer reports."""
    try:
        return path.exists()
    except OSError:
        return False
