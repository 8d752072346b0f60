"""Which directory a run uses: a new one, or the one it was started in; locked by one process at a time."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import jax
from attrs import frozen
from filelock import FileLock, Timeout

from fmnist_jax.config.codec import complete
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import NAMES, Run
from fmnist_jax.storage.files import writing
from fmnist_jax.storage.manifest import is_sealed, read_json

CONFIGURATION, ORIGIN, RESULT, CHECKPOINT = (
    "configuration.json", "origin.json", "result.json", "checkpoint"
)  # fmt: skip
LOCK = ".lock"

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}")
"""What `files.write_bytes` leaves where the process is killed."""

RUNS = Path("runs")
"""Where runs are stored by default."""


Configuration = Mapping[str, Any]
"""A run as `codec.encode` returns it."""


@frozen
class Origin:
    """What decides a run's outcome in addition to its configuration."""

    data_checksum: str
    """`Dataset.checksum`."""
    fitted: str | None = None
    """`fingerprint` of the variables of the stages that were trained before."""
    jax: str = jax.__version__
    """Another version may round differently."""


class RunLockedError(UserError):
    """Another process works on the run."""


class Progress(Enum):
    """How far the run in a directory is."""

    NEW = auto()
    STARTED = auto()
    FINISHED = auto()


class Located(NamedTuple):
    """A run's directory, and how far the run in it is."""

    path: Path
    progress: Progress


@contextmanager
def acquire(
    directory: Path | None, configuration: Configuration, origin: Origin, log: Callable[[str], None]
) -> Iterator[Located]:
    """Lock `directory`, by default the newest unfinished run like this, else a new one."""
    with ExitStack() as stack:
        if directory is None:
            found = _find_unfinished(configuration, origin, stack) or _create(configuration, stack)
        else:
            found = directory
            if _progress(found, configuration, origin) is not Progress.FINISHED:
                with writing(found):
                    found.mkdir(parents=True, exist_ok=True)
                stack.enter_context(lock(found))
        # Another process may have finished it in the meantime.
        located = Located(found, _progress(found, configuration, origin))
        if located.progress is not Progress.FINISHED:
            _remove_temporary(found)
        if located.progress is Progress.STARTED:
            before = read_json(found / ORIGIN).get("jax")
            if before != origin.jax:
                log(f"Started with JAX {before}, resumed with {origin.jax}: last digits may differ")
        yield located


def _find_unfinished(configuration: Configuration, origin: Origin, stack: ExitStack) -> Path | None:
    """Lock the newest unfinished run like this that no other process works on."""
    candidates = []
    for file in RUNS.glob(f"*/{CONFIGURATION}"):
        with suppress(OSError):  # removed by another process in the meantime
            if not (file.parent / RESULT).exists():
                candidates.append((file.stat().st_mtime_ns, file.parent))
    for _, directory in sorted(candidates, reverse=True):
        try:
            if _progress(directory, configuration, origin) is Progress.STARTED:
                stack.enter_context(lock(directory))
                return directory
        except UserError:  # another run's, or another process's
            continue
    return None


def _create(configuration: Configuration, stack: ExitStack) -> Path:
    """Create a directory named by stages and time, with a number where several start in one second."""
    stages = "-".join(stage["name"] for stage in configuration["stages"])
    name = datetime.now().strftime(f"{stages}-%Y%m%d-%H%M%S")
    count = 1
    while True:
        directory = RUNS / (name if count == 1 else f"{name}-{count}")
        with writing(directory):
            try:
                directory.mkdir(parents=True)
                break
            except FileExistsError:
                count += 1
    stack.enter_context(lock(directory))
    return directory


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, until the process ends at the latest; RunLockedError if it is held."""
    file_lock = FileLock(directory / LOCK)
    with writing(directory):
        try:
            file_lock.acquire(blocking=False)
        except Timeout:  # an OSError too
            raise RunLockedError(
                f"{directory}: another process works on this run; wait for it, or name another directory"
            ) from None
    try:
        yield
    finally:
        file_lock.release()


def _progress(directory: Path, requested: Configuration, origin: Origin) -> Progress:
    """Compare the directory's run with this one. Raises UserError if anything else is in it."""
    with writing(directory):
        if not directory.exists():
            return Progress.NEW
        names = {entry.name for entry in directory.iterdir()} - {LOCK}
    names = {name for name in names if not TEMPORARY.fullmatch(name)}
    if names <= {ORIGIN}:
        return Progress.NEW
    remedy = "name a new directory for this run"
    if not names >= {ORIGIN, CONFIGURATION}:
        raise UserError(f"{directory} isn't empty: {remedy}")
    path = directory / CONFIGURATION
    stored = read_json(path)
    if isinstance(stored, dict) and "stages" not in stored:
        raise UserError(
            f"{path}: written by fmnist-jax 0.1, expected the field 'stages'; finish the run with that "
            f"version, or {remedy}"
        )
    stored = complete(Run, stored, NAMES, path)
    if stored != requested:
        difference = _difference(stored, requested)
        raise UserError(f"{directory} isn't empty: its run has {difference}; {remedy}")
    stored = read_json(directory / ORIGIN)
    for name, what in (("data_checksum", "other images"), ("fitted", "another --extractor")):
        if not isinstance(stored, dict) or stored.get(name) != attrs.asdict(origin)[name]:
            raise UserError(f"{directory} isn't empty: its run uses {what}; {remedy}")
    done = RESULT in names and is_sealed(directory / CHECKPOINT)
    return Progress.FINISHED if done else Progress.STARTED


def _difference(stored: object, requested: object, name: str = "") -> str:
    """Describe the first field in which two configurations differ."""
    if isinstance(stored, list) and isinstance(requested, list) and len(stored) == len(requested):
        stored, requested = (dict(enumerate(values)) for values in (stored, requested))
    if not isinstance(stored, Mapping) or not isinstance(requested, Mapping):
        return f"{name.lstrip('.')} {json.dumps(stored)}, not {json.dumps(requested)}"
    for key in {**stored, **requested}:
        if stored.get(key) != requested.get(key):
            return _difference(stored.get(key), requested.get(key), f"{name}.{key}")
    raise AssertionError("they differ")


def _remove_temporary(directory: Path) -> None:
    """Remove what a killed process left half-written."""
    with writing(directory):
        for folder, _, names in os.walk(directory):
            for name in names:
                if TEMPORARY.fullmatch(name):
                    (Path(folder) / name).unlink()
        shutil.rmtree(directory / "pictures", ignore_errors=True)
