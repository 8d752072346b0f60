"""Where checkpoints are: by path, by a shipped checkpoint's name, and the newest valid one nearby."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fmnist_jax.checkpoint.format import MAX_BYTES, METADATA
from fmnist_jax.errors import UserError
from fmnist_jax.storage.manifest import (
    MANIFEST,
    current_directory,
    is_sealed,
    previous_directory,
    read_json,
    verify,
)

_MAX_CANDIDATES = 20


def find_checkpoint(path_or_name: str | Path) -> Path:
    """Return the directory of a checkpoint, of a run's, or of a shipped one; a damaged one is found too."""
    path = Path(path_or_name)
    try:
        candidates = (path, path / "checkpoint")
        for candidate in candidates:
            if is_sealed(current_directory(candidate)):
                return candidate
        for candidate in candidates:
            if any((candidate / name).exists() for name in (MANIFEST, METADATA)):
                return candidate
        shipped = shipped_checkpoints()
        if str(path_or_name) in shipped:
            return shipped[str(path_or_name)]
        found = "no checkpoint in it, or a half-written one" if path.exists() else "not found"
    except (OSError, ValueError) as error:
        raise UserError(f"{path_or_name!r}: not a valid path ({error}); check it") from error
    raise UserError(
        f"{path_or_name}: {found}; name the directory of a checkpoint or of a run, or a checkpoint "
        f"that ships with fmnist-jax: {', '.join(sorted(shipped)) or 'none here'}"
    )


def shipped_checkpoints() -> dict[str, Path]:
    """Return the checkpoints that come with the package, in the wheel or in the clone, by name."""
    package = Path(__file__).parents[1]
    return {
        directory.name: directory
        for root in (package.parent / "checkpoints", package / "checkpoints")
        for directory in sorted(root.glob("*"))
        if is_sealed(directory)
    }


def newest_valid(path: Path, version: int) -> Path | None:
    """Return the newest undamaged checkpoint of this version near `path`, else a shipped one, else None."""
    candidates = islice(_by_age(path), _MAX_CANDIDATES)
    return next((directory for directory in candidates if _is_valid(directory, version)), None)


def _by_age(path: Path) -> Iterator[Path]:
    run = path.absolute().parent
    near = {previous_directory(path), *run.glob("*"), *run.parent.glob("*/checkpoint")}
    ages = {}
    for directory in near - {path.absolute()}:
        try:
            ages[directory] = (directory / MANIFEST).stat().st_mtime
        except OSError:
            continue
    yield from sorted(ages, key=lambda directory: (ages[directory], directory), reverse=True)
    yield from shipped_checkpoints().values()


def _is_valid(directory: Path, version: int) -> bool:
    try:
        verify(directory, MAX_BYTES)
        metadata = read_json(directory / METADATA)
    except UserError:
        return False
    return isinstance(metadata, dict) and metadata.get("format_version") == version
