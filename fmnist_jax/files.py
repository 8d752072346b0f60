"""Writing files that matter: whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fmnist_jax.errors import UserError


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON: aside, synced, renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(json.dumps(value, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusals into errors that say what to do."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error.strerror}); check the folder, its permissions and space"
        ) from error
