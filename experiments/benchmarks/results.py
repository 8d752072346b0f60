"""Stored measurements: results/benchmarks/FILE.json, {"jax VERSION": {row: {..., "candidates": {...}}}}."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.engine import store
from fmnist_jax.storage.files import write_bytes, writing

Stored = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By version of JAX, then by row."""

RESULTS = store.RESULTS / "benchmarks"
QUICK_RESULTS = store.QUICK_RESULTS / "benchmarks"
"""Folder of the results of short runs, which only check that everything works."""


def results_path(name: str, quick: bool) -> Path:
    """Return the file of the benchmark `name`."""
    return (QUICK_RESULTS if quick else RESULTS) / f"{name}.json"


def read(path: Path) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """Read what is stored, the newest version of JAX first; {} if there is no file."""
    stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {jax: stored[jax] for jax in sorted(stored, key=_numbers, reverse=True)}


def store_row(
    path: Path, name: str, measured: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """Store a row under this version of JAX; returns all rows of this version, in the order of `names`."""
    jax = f"jax {version('jax')}"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = read(path)
        rows = {**stored.get(jax, {}), name: measured}
        rows = {one: rows[one] for one in names if one in rows}
        write_bytes(path, to_json(stored | {jax: rows}).encode())
    return rows


def to_json(stored: Stored) -> str:
    """Format as JSON, one line per row."""
    versions = (
        f"{json.dumps(jax)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        + "\n}"
        for jax, rows in stored.items()
    )
    return "{\n" + ",\n".join(versions) + "\n}\n"


def _numbers(jax: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", jax)]
