"""Tables and figures as all texts write them."""

import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from experiments.engine.figures import column_title, figure
from experiments.engine.spec import Experiment

WIDTH = 1000
"""Characters that a table may take; rich would fold its columns to the terminal's."""


def results_table(experiment: Experiment, stored: Mapping[str, Any]) -> str:
    """Measured (reported), mean and standard deviation over seeds, a line a row, as Markdown.

    `stored` is what `Store.read` returns.
    """
    table = Table("", *map(column_title, experiment.columns), "seeds")
    for row in experiment.rows:
        runs = list(stored.get(row.name, {}).get("runs", {}).values())
        cells = []
        for column in experiment.columns:
            reported = row.reported.get(column)
            in_brackets = "" if reported is None else f" ({reported:g})"
            cells.append(summary([figure(run, column) for run in runs]) + in_brackets)
        table.add_row(row.name, *cells, str(len(runs)))
    return markdown(table)


def summary(values: Sequence[float]) -> str:
    """Mean and standard deviation (of a sample, n - 1)."""
    if not values:
        return "not run"
    mean = statistics.fmean(values)
    deviation = f" ± {number(statistics.stdev(values), like=mean)}" if len(values) > 1 else ""
    return number(mean) + deviation


def markdown(table: Table) -> str:
    """The table as Markdown."""
    table.box = box.MARKDOWN
    console = Console(file=io.StringIO(), width=WIDTH, markup=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().strip().splitlines())


def number(value: float | None, *, sign: bool = False, like: float | None = None) -> str:
    """Two decimals of percents and epochs, four of losses; "" for None.

    `like` is a figure whose decimals are used, for a small difference between large figures.
    """
    if value is None:
        return ""
    digits = 2 if abs(value if like is None else like) >= 2 else 4
    return f"{value:{'+' if sign else ''}.{digits}f}"
