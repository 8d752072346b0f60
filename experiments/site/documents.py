"""Writes the generated parts of README.md and docs from the stored results.

<!-- table: report1/table1 -->       the table of one experiment, or one of speed
<!-- experiments: report1 -->        all experiments of a report: title, command, table and notes
...
<!-- end -->
"""

import hashlib
import re
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen
from rich.table import Table

from experiments.analysis import logs, release
from experiments.benchmarks import scaling, scaling_model
from experiments.benchmarks import tables as speed
from experiments.engine.command import PROGRAM
from experiments.engine.figures import Measured
from experiments.engine.spec import Experiment
from experiments.engine.store import Store, results_folder
from experiments.engine.tables import markdown, results_table
from experiments.study.catalogue import experiments
from experiments.study.study import duration
from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.checkpoint.locate import shipped_checkpoints
from fmnist_jax.errors import UserError, unknown_name
from fmnist_jax.storage.files import write_bytes, writing
from fmnist_jax.storage.manifest import MANIFEST

ROOT = Path(__file__).parents[2]

PATTERNS = ("README.md", "CONTRIBUTING.md", "checkpoints/README.md", "docs/**/*.md")
"""Documents that may have generated parts."""

WIDTH = 108
"""Characters of a line of text."""

PART = re.compile(
    r"(?P<open><!-- (?P<kind>table|experiments): (?P<name>\S+) -->\n)(?P<body>.*?)(?P<close><!-- end -->)",
    re.DOTALL,
)


UNBROKEN = re.compile(r"`[^`]+`|\b(?:table|report|class) \d|\d (?:%|±)", re.IGNORECASE)
"""Parts of a note that stay on one line."""


@frozen
class Options:
    """Write the tables of README.md, checkpoints/README.md and docs from what is stored."""

    folder: Path = ROOT
    """The repository."""


def write(folder: Path = ROOT) -> list[Path]:
    """Write the generated parts of all documents; returns the files that changed. Raises UserError."""
    changed = []
    for path in sorted(path for pattern in PATTERNS for path in folder.glob(pattern)):
        before = path.read_text("utf-8")
        after = generated(before, path)
        if after != before:
            with writing(path):
                write_bytes(path, after.encode())
            changed.append(path)
    return changed


def generated(text: str, path: Path) -> str:
    """The document with its generated parts as the stored results have them. Raises UserError."""
    opened = len(re.findall(r"<!-- (?:table|experiments): ", text))
    if opened != len(PART.findall(text)):
        raise UserError(f"{path}: {opened} generated parts begin; end each with <!-- end -->")

    def written(part: re.Match[str]) -> str:
        write_part = table if part["kind"] == "table" else section
        try:
            body = write_part(part["name"])
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        return f"{part['open']}\n{body}\n\n{part['close']}"

    return PART.sub(written, text)


def table(name: str) -> str:
    """The table of an experiment, or another one by its name. Raises UserError for an unknown name."""
    makers: dict[str, Callable[[], str]] = {
        **{one.name: partial(_table, one) for one in experiments()},
        **{one: partial(str, text) for one, text in speed.tables().items()},
        **logs.TABLES,
        **scaling_model.TABLES,
        "scaling/measured": scaling.table,
        "checkpoints": checkpoint_table,
        "analysis/release": lambda: release.table(release.read()),
    }
    if name not in makers:
        raise unknown_name("table", name, makers)
    return makers[name]()


def checkpoint_table() -> str:
    """The models that ship: layers, parameters, test accuracy of the last stage, and checksum."""
    lines = Table("name", "layers", "parameters", "test accuracy", "seed", f"SHA-256 of {MANIFEST}")
    for name, path in shipped_checkpoints().items():
        checkpoint = restore_checkpoint(path)
        *firsts, last = checkpoint.stages
        layers = {stage.name: stage.model.feature_layers() for stage in firsts}
        layers[last.name] = last.model.layers()
        sizes = [
            f"{stage}: " + ",".join(str(layer.output[0]) for layer in these if layer.parameters)
            for stage, these in layers.items()
        ]
        parameters = sum(layer.parameters for these in layers.values() for layer in these)
        metrics: Any = checkpoint.metrics
        run: Any = checkpoint.run
        accuracy = metrics["stages"][last.name]["test"]["accuracy"]
        seed = run["stages"][-1]["training"]["seed"]
        checksum = hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest()
        lines.add_row(
            f"`{name}`", "; ".join(sizes), f"{parameters:,}", f"{accuracy:.4f}", str(seed),
            f"`{checksum}`",
        )  # fmt: skip
    return markdown(lines)


def section(group: str) -> str:
    """All experiments of a package, such as report1. Raises UserError for an unknown name."""
    groups = dict.fromkeys(one.group for one in experiments())
    if group not in groups:
        raise unknown_name("package of experiments", group, groups)
    return "\n\n".join(_section(one) for one in experiments() if one.group == group)


def _section(experiment: Experiment) -> str:
    """An experiment's title, command, circumstances (runs, time, software), table and notes."""
    runs = [run for row in _stored(experiment).values() for run in row["runs"].values()]
    software = sorted({_software(run) for run in runs})
    seconds = duration(sum(run["seconds"] for run in runs))
    count = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
    parts = (
        f"### {experiment.title}",
        f"`{PROGRAM} {experiment.name}`: {count}, {seconds} in total, {'; '.join(software)}.",
        _table(experiment),
        *map(wrapped, experiment.notes),
    )
    return "\n\n".join(parts)


def wrapped(note: str) -> str:
    """The text in lines of at most `WIDTH` characters, without a break in `code`, "Table 2" or "5 %"."""
    kept = UNBROKEN.sub(lambda found: found[0].replace(" ", "\0"), note)
    lines = textwrap.fill(kept, WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def _table(experiment: Experiment) -> str:
    return results_table(experiment, _stored(experiment))


def _software(run: Measured) -> str:
    versions = run["software"]
    return f"JAX {versions['jax']}, Python {versions['python']}, {run['device']}"


def _stored(experiment: Experiment) -> dict[str, dict[str, Any]]:
    return Store(experiment, results_folder(quick=False), "").read()
