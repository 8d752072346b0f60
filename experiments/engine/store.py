"""An experiment's results: a JSON Lines file, a run a line.

{"row": ..., "seed": 0, "configuration": {...}, **measured}
{"row": ..., "seed": 1, "configuration": {...}, "failed": "reason"}
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from attrs import frozen
from filelock import FileLock

from experiments.engine.configuration import configuration_of, is_configuration_of, seed_of
from experiments.engine.figures import has_figures, keep_splits
from experiments.engine.spec import Experiment, Row
from fmnist_jax.data.dataset import ReleaseName
from fmnist_jax.runs.config import Run
from fmnist_jax.storage.files import write_bytes, writing

RESULTS = Path(__file__).parents[1] / "results"
"""Folder of the results that are committed."""

QUICK_RESULTS = Path("runs/quick/results")
"""Folder of the results of `--quick`."""


def results_folder(quick: bool, release: ReleaseName = "official") -> Path:
    """The folder of the results: one for `--quick`, and one for each release of the images."""
    if quick:
        return QUICK_RESULTS
    return RESULTS / "early" if release == "early" else RESULTS


@frozen
class Store:
    """The results of one experiment; several processes may add to them at the same time."""

    experiment: Experiment
    folder: Path
    data_checksum: str
    """Of the images that the runs use: runs on other images don't count."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.experiment.name}.jsonl"

    def read(self) -> dict[str, dict[str, Any]]:
        """What is stored: {row: {"configuration", "runs": {seed: measured}, "failed": {seed: reason}}}.

        Rows stand in the experiment's order, seeds ascend. Of a row only the lines of the newest
        configuration count.
        """
        lines = [line.values for line in _lines(self.path)]
        newest = {line["row"]: line["configuration"] for line in lines}
        order = [row.name for row in self.experiment.rows]
        names = sorted(newest, key=lambda name: order.index(name) if name in order else len(order))
        rows = {name: {"configuration": newest[name], "runs": {}, "failed": {}} for name in names}
        for line in sorted(lines, key=lambda line: line["seed"]):
            row, seed = rows[line["row"]], line["seed"]
            if line["configuration"] != row["configuration"]:
                continue
            if "failed" in line:
                row["failed"][seed] = line["failed"]
            else:
                row["runs"][seed] = _measured(line)
        return rows

    def has(self, row: Row, run: Run) -> bool:
        """Whether the row is stored with exactly this configuration, seed and data."""
        return seed_of(run) in self.runs_like(self.read().get(row.name, {}), run)

    def runs_like(self, stored: Mapping[str, Any], run: Run) -> dict[int, dict[str, Any]]:
        """Of a row as `read` returns it, the runs by seed that have `run`'s configuration and data."""
        if not stored or not is_configuration_of(run, stored["configuration"]):
            return {}
        return {
            seed: measured
            for seed, measured in stored["runs"].items()
            if measured["data_checksum"] == self.data_checksum
        }

    def add(self, row: Row, run: Run, measured: Mapping[str, Any]) -> None:
        """Store one run; the row's runs of another configuration or other data are dropped."""
        self._add(row, run, measured)

    def add_failed(self, row: Row, run: Run, reason: str) -> None:
        """Store that a run failed, and why: tables show it, and the next call runs it again."""
        self._add(row, run, {"failed": reason})

    def _add(self, row: Row, run: Run, values: Mapping[str, Any]) -> None:
        seed, configuration = seed_of(run), configuration_of(run)
        new = {"row": row.name, "seed": seed, "configuration": configuration, **values}
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with writing(self.path), FileLock(self.path.with_suffix(".lock")):
            for file in self.path.parent.glob(f".{self.path.name}.*"):
                file.unlink()  # left by a process that was killed
            before = self.path.read_bytes() if self.path.exists() else b""
            kept = b"".join(self._kept(row, run))
            if kept == before:
                _append(self.path, _encoded(new))
            else:
                write_bytes(self.path, kept + _encoded(new))

    def _kept(self, row: Row, run: Run) -> Iterator[bytes]:
        """The lines that stay when `run` is added: other rows', and this row's other seeds."""
        names = {row.name for row in self.experiment.rows}
        configuration = configuration_of(run)
        for text, line in _lines(self.path):
            if line["row"] != row.name and line["row"] in names:
                yield text
            elif line["row"] == row.name and line["seed"] != seed_of(run):
                other_data = line.get("data_checksum", self.data_checksum) != self.data_checksum
                if other_data or not is_configuration_of(run, line["configuration"]):
                    continue
                # Complete, where it was stored before a field was added.
                complete = {**line, "configuration": configuration}
                yield text if complete == line else _encoded(complete)

    def equal(self, run: Run) -> dict[str, Any] | None:
        """What any experiment measured of this very run, if it has all figures that this one shows."""
        for path in sorted(self.folder.glob("*/*.jsonl")):
            for _, line in _lines(path):
                if (
                    line.get("seed") == seed_of(run)
                    and line.get("data_checksum") == self.data_checksum
                    and is_configuration_of(run, line["configuration"])
                    and has_figures(line, self.experiment.columns)
                ):
                    return keep_splits(_measured(line), kept=self.experiment.splits)
        return None


class _Line(NamedTuple):
    text: bytes
    values: dict[str, Any]


def _lines(path: Path) -> list[_Line]:
    """The complete lines of a file; one that a full disk or a kill cut short is none."""
    if not path.exists():
        return []
    texts = path.read_bytes().splitlines(keepends=True)
    return [_Line(text, json.loads(text)) for text in texts if text.endswith(b"\n")]


def _encoded(line: Mapping[str, Any]) -> bytes:
    return (json.dumps(line, separators=(",", ":")) + "\n").encode()


def _measured(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in line if name not in ("row", "seed", "configuration")}


def _append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
