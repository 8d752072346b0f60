"""Writing files that matter: whole or not at all."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fmnist_jax.errors import UserError


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path`: aside, synced, renamed. Whatever stops it, nothing is left beside."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON, as `write_bytes` does."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusals into errors that say what to do."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error.strerror}); check the folder, its permissions and space"
        ) from error
