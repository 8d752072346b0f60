"""Which directory a run goes to: a new one, or the one it was begun in; held by one process at a time."""

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, NamedTuple

import jax
from filelock import FileLock, Timeout

from fmnist_jax.config.codec import completed, encode
from fmnist_jax.errors import UserError
from fmnist_jax.models.kinds import kind_of
from fmnist_jax.runs.parts import Run
from fmnist_jax.runs.run import NAMES
from fmnist_jax.storage.files import writing
from fmnist_jax.storage.manifest import is_sealed, read_json

CONFIGURATION, ORIGIN, RESULT, CHECKPOINT = (
    "configuration.json", "origin.json", "result.json", "checkpoint"
)  # fmt: skip
LOCK = ".lock"

ASIDE = re.compile(r"\..+\.[0-9a-f]{16}")
"""What `files.write_bytes` leaves where the process is killed."""

RUNS = Path("runs")
"""Where runs go that aren't told where to."""


@dataclass(frozen=True)
class Origin:
    """What decides a run's outcome beside its configuration."""

    data_checksum: str
    """`Dataset.checksum`."""
    network: str | None = None
    """`fingerprint` of the network that a pipeline was given."""
    jax: str = jax.__version__
    """Another version may round otherwise."""


class HeldError(UserError):
    """Another process is at the run."""


class Stage(Enum):
    """How far the run in a directory has come."""

    NEW = auto()
    BEGUN = auto()
    FINISHED = auto()


class Claim(NamedTuple):
    """A run's directory, and what is in it."""

    path: Path
    stage: Stage


@contextmanager
def claimed(
    directory: Path | None, run: Run, origin: Origin, log: Callable[[str], None]
) -> Iterator[Claim]:
    """`directory`, by default one under runs/: of the newest unfinished run like this, or a new one.

    It is this process's until the end, however that comes; one that holds the finished run isn't
    touched. Raises UserError where another process is at it, something else is in it, or it can't
    be made.
    """
    with ExitStack() as stack:
        if directory is None:
            found = _unfinished(run, origin, stack) or _new(kind_of(run.model), stack)
        else:
            found = directory
            if _stage(found, run, origin) is not Stage.FINISHED:
                with writing(found):
                    found.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(found))
        # Another process may have finished it in the meantime.
        claim = Claim(found, _stage(found, run, origin))
        if claim.stage is not Stage.FINISHED:
            _sweep(found)
        if claim.stage is Stage.BEGUN:
            begun = read_json(found / ORIGIN).get("jax")
            if begun != origin.jax:
                log(f"Begun with JAX {begun}, goes on with {origin.jax}: last digits may differ")
        yield claim


def _unfinished(run: Run, origin: Origin, stack: ExitStack) -> Path | None:
    """The newest unfinished run like this that no other process holds."""
    candidates = []
    for file in RUNS.glob(f"*/{CONFIGURATION}"):
        with suppress(OSError):  # removed by another process in the meantime
            if not (file.parent / RESULT).exists():
                candidates.append((file.stat().st_mtime_ns, file.parent))
    for _, directory in sorted(candidates, reverse=True):
        try:
            if _stage(directory, run, origin) is Stage.BEGUN:
                stack.enter_context(held(directory))
                return directory
        except UserError:  # another run's, or another process's
            continue
    return None


def _new(kind: str, stack: ExitStack) -> Path:
    """A directory named by the time; by a number too where several runs begin in one second."""
    name = datetime.now().strftime(f"{kind}-%Y%m%d-%H%M%S")
    for suffix in itertools.chain([""], (f"-{count}" for count in itertools.count(2))):
        directory = RUNS / (name + suffix)
        with writing(directory):
            try:
                directory.mkdir(parents=True)
            except FileExistsError:
                continue
        stack.enter_context(held(directory))
        return directory
    raise AssertionError("there is always a next number")


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, which the system takes back from a process that ends in any way.

    Raises HeldError where another process has it, and UserError where it can't be had.
    """
    lock = FileLock(directory / LOCK)
    with writing(directory):
        try:
            lock.acquire(blocking=False)
        except Timeout:  # an OSError too
            raise HeldError(
                f"{directory}: another process is at this run; wait for it, or name another one"
            ) from None
    try:
        yield
    finally:
        lock.release()


def _stage(directory: Path, run: Run, origin: Origin) -> Stage:
    """Raises UserError for a directory that holds anything but this run."""
    with writing(directory):
        if not directory.exists():
            return Stage.NEW
        names = {entry.name for entry in directory.iterdir()} - {LOCK}
    names = {name for name in names if not ASIDE.fullmatch(name)}
    if names <= {ORIGIN}:
        return Stage.NEW
    remedy = "name a new directory for this run"
    if not names >= {ORIGIN, CONFIGURATION}:
        raise UserError(f"{directory} isn't empty: {remedy}")
    path = directory / CONFIGURATION
    stored = _as_json(completed(type(run), read_json(path), NAMES, path))
    asked = _as_json(encode(run, NAMES))
    if stored != asked:
        difference = _difference(stored, asked)
        raise UserError(f"{directory} isn't empty: its run has {difference}; {remedy}")
    stored = read_json(directory / ORIGIN)
    for name, what in (("data_checksum", "other images"), ("network", "another --extractor")):
        if not isinstance(stored, dict) or stored.get(name) != asdict(origin)[name]:
            raise UserError(f"{directory} isn't empty: its run is of {what}; {remedy}")
    done = RESULT in names and is_sealed(directory / CHECKPOINT)
    return Stage.FINISHED if done else Stage.BEGUN


def _as_json(values: Any) -> Any:
    """As a file has it: lists for tuples."""
    return json.loads(json.dumps(values))


def _difference(stored: Any, asked: Any, name: str = "") -> str:
    """The first field in which two configurations differ."""
    if not isinstance(stored, Mapping) or not isinstance(asked, Mapping):
        return f"{name.lstrip('.')} {json.dumps(stored)}, not {json.dumps(asked)}"
    for key in stored.keys() | asked.keys():
        if stored.get(key) != asked.get(key):
            return _difference(stored.get(key), asked.get(key), f"{name}.{key}")
    raise AssertionError("they differ")


def _sweep(directory: Path) -> None:
    """Remove what a killed process left half-written."""
    with writing(directory):
        for folder, _, names in os.walk(directory):
            for name in names:
                if ASIDE.fullmatch(name):
                    (Path(folder) / name).unlink()
        shutil.rmtree(directory / "pictures", ignore_errors=True)
