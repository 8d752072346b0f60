"""What an experiment is, and the file that keeps its results."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from experiments.engine.measure import seed_of, training_fields
from fmnist_jax.config.codec import decode, encode
from fmnist_jax.errors import UserError
from fmnist_jax.runs import run as runs
from fmnist_jax.runs.parts import Run
from fmnist_jax.storage.files import write_json, writing

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Row:
    """A line of a table: one configuration, run with several seeds."""

    name: str
    run: Run
    reported: Mapping[str, float] = field(default_factory=dict)
    """What the report says of it, by the names of `measure`; accuracies in percent."""


@dataclass(frozen=True)
class Experiment:
    """A table: rows with what was reported, and what is measured beside it."""

    name: str
    """The module's own name; the results' too."""
    title: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    """Names of `measure` that the table shows."""
    splits: tuple[str, ...] = SPLITS
    """Splits the trained network is measured on; without "test" where choices are made."""


@dataclass(frozen=True)
class Store:
    """An experiment's results in one JSON file; several processes may add to it at once."""

    experiment: Experiment
    folder: Path
    data_checksum: str
    """Of the images that the runs are about; others' runs don't count."""

    @cached_property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.experiment.name}.json"

    def read(self) -> dict[str, Any]:
        """What is stored: by row its configuration, reported figures and runs by seed."""
        if not self.path.exists():
            return {}
        return json.loads(self.path.read_text("utf-8"))["rows"]

    def has(self, row: Row, run: Run) -> bool:
        """Whether the row is stored with this very configuration, seed and data."""
        return str(seed_of(run)) in self._runs_like(row, run)

    def add(self, row: Row, run: Run, measured: Mapping[str, Any]) -> None:
        """Store one run; the row's runs of another configuration or other data are forgotten."""
        with self._changed(row, run) as entry:
            entry["runs"][str(seed_of(run))] = dict(measured)

    def add_failed(self, row: Row, run: Run, reason: str) -> None:
        """Store that a run couldn't be finished, and why: tables show it, and it is run again."""
        with self._changed(row, run) as entry:
            entry["failed"][str(seed_of(run))] = reason

    @contextmanager
    def _changed(self, row: Row, run: Run) -> Iterator[dict[str, Any]]:
        """What is stored of the row, to be changed: of `run`'s configuration, without `run` itself."""
        with writing(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
        with writing(self.path), FileLock(self.path.with_suffix(".lock")):
            for file in self.folder.glob(f".{self.path.name}.*"):
                file.unlink()  # a killed process's
            rows, seed = self.read(), str(seed_of(run))
            before = rows.get(row.name, {})
            configuration = configuration_of(run)
            failed = before.get("failed", {}) if _same(before.get("configuration"), run) else {}
            entry = {
                "configuration": configuration,
                "reported": dict(row.reported),
                "runs": self._runs_like(row, run),
                "failed": {other: reason for other, reason in failed.items() if other != seed},
            }
            yield entry
            if not entry["failed"]:
                del entry["failed"]
            rows[row.name] = entry
            order = [row.name for row in self.experiment.rows]
            rows = {name: rows[name] for name in order if name in rows}
            write_json(self.path, {"title": self.experiment.title, "rows": rows})

    def equal(self, run: Run) -> dict[str, Any] | None:
        """What some experiment's row measured of this very run, if it has all that is asked for."""
        for path in sorted(self.folder.glob("*.json")):
            for stored in json.loads(path.read_text("utf-8")).get("rows", {}).values():
                measured = self.alike(stored, run).get(str(seed_of(run)), {})
                if measured.keys() >= set(self.experiment.columns):
                    return without_splits(measured, kept=self.experiment.splits)
        return None

    def _runs_like(self, row: Row, run: Run) -> dict[str, Any]:
        """The stored runs of the row, by seed, that were made as `run` would be."""
        return self.alike(self.read().get(row.name, {}), run)

    def alike(self, stored: Mapping[str, Any], run: Run) -> dict[str, Any]:
        """Of a row as it is stored, the runs by seed that were made as `run` would be."""
        if not _same(stored.get("configuration"), run):
            return {}
        return {
            seed: measured
            for seed, measured in stored["runs"].items()
            if measured["data_checksum"] == self.data_checksum
        }


def _same(stored: Mapping[str, Any] | None, run: Run) -> bool:
    """Whether a stored configuration is the run's: a field that is younger has its default."""
    wanted = configuration_of(run)
    if stored == wanted:
        return True
    try:
        return configuration_of(decode(type(run), stored, runs.NAMES, "results")) == wanted
    except UserError:  # another kind of run
        return False


def without_splits(measured: Mapping[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    """The figures of a run without those of splits that aren't `kept`: no choice sees the test split."""
    others = tuple(f"{split}_" for split in SPLITS if split not in kept)
    return {
        name: value
        for name, value in measured.items()
        if not name.removeprefix("cnn_").removeprefix("mlp_").startswith(others)
    }


def configuration_of(run: Run) -> dict[str, Any]:
    """The configuration without what differs from seed to seed or from machine to machine."""
    configuration = encode(run, runs.NAMES)
    for name in training_fields(run):
        del configuration[name]["seed"]
    for name in ("source", "data_dir"):
        del configuration["data"][name]
    return configuration
