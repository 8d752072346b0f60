"""Where checkpoints are: the one that is meant, those that ship, and a good one in a bad one's stead."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fmnist_jax.checkpoint.arrays import MAX_BYTES, METADATA
from fmnist_jax.errors import UserError
from fmnist_jax.storage.manifest import MANIFEST, beside, is_sealed, present, read_json, verify

_MAX_TRIED = 20


def find_checkpoint(path_or_name: str | Path) -> Path:
    """The checkpoint meant: by its directory, by the directory of its run, or by a shipped one's name.

    A damaged one is found too: whoever restores it says what is wrong. Raises UserError, with the
    names of the shipped ones, where there is no such checkpoint, and for one that may not be read.
    """
    path = Path(path_or_name)
    try:
        candidates = (path, path / "checkpoint")
        for candidate in candidates:
            if is_sealed(present(candidate)):
                return candidate
        for candidate in candidates:
            if any((candidate / name).exists() for name in (MANIFEST, METADATA)):
                return candidate
        shipped = shipped_checkpoints()
        if str(path_or_name) in shipped:
            return shipped[str(path_or_name)]
        found = "no checkpoint in there, or a half-written one" if path.exists() else "not found"
    except (OSError, ValueError) as error:
        raise UserError(f"{path_or_name!r}: can't be a path ({error}); check it") from error
    raise UserError(
        f"{path_or_name}: {found}; name the directory of a checkpoint or of a run, or a checkpoint "
        f"that ships with fmnist-jax: {', '.join(sorted(shipped)) or 'none here'}"
    )


def shipped_checkpoints() -> dict[str, Path]:
    """The checkpoints that come with the package, by name: those of the wheel or of the clone."""
    package = Path(__file__).parent
    return {
        directory.name: directory
        for root in (package.parent / "checkpoints", package / "checkpoints")
        for directory in sorted(root.glob("*"))
        if is_sealed(directory)
    }


def newest_good(path: Path, version: int) -> Path | None:
    """The newest checkpoint near `path` whose files are whole and of this format version.

    Near are what `path` was about to replace, what lies beside it, the checkpoints of the runs beside
    its run, and those that ship.
    """
    tried = islice(_by_age(path), _MAX_TRIED)
    return next((directory for directory in tried if _is_good(directory, version)), None)


def _by_age(path: Path) -> Iterator[Path]:
    run = path.absolute().parent
    near = {*beside(path), *run.glob("*"), *run.parent.glob("*/checkpoint")}
    ages = {}
    for directory in near - {path.absolute()}:
        try:
            ages[directory] = (directory / MANIFEST).stat().st_mtime
        except OSError:
            continue
    yield from sorted(ages, key=lambda directory: (ages[directory], directory), reverse=True)
    yield from shipped_checkpoints().values()


def _is_good(directory: Path, version: int) -> bool:
    try:
        verify(directory, MAX_BYTES)
        metadata = read_json(directory / METADATA)
    except UserError:
        return False
    return isinstance(metadata, dict) and metadata.get("format_version") == version
