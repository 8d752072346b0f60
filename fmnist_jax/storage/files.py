"""Files that are written completely or not at all."""

import contextlib
import json
import logging
import os
import secrets
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from fmnist_jax.errors import UserError


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to a temporary file, sync it, and rename it to `path`; nothing else is left behind."""
    temp_path = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temp_path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temp_path.replace(path)
        sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temp_path.unlink()
        raise


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as JSON, with the guarantee of `write_bytes`."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise UserError, with the path and a remedy, in place of the operating system's errors."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error.strerror or error}); check folder, permissions and space"
        ) from error


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file to read it. Raises UserError where it can't be opened or read."""
    try:
        if not path.is_file():
            problem = "not a file" if path.exists() else "no such file"
            raise UserError(f"{path}: {problem}: check the path")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path}: can't be read ({reason}): check its permissions") from error


@contextlib.contextmanager
def quiet_log(level: int, *names: str) -> Iterator[None]:
    """Let these loggers pass nothing below `level`."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
