"""The report of a gradient check: as values, as JSON and as a table."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

DTYPES = ("float64", "float32")

EXPLANATION = (
    "float32 has 24 bits: each operation rounds its result by up to 6e-8 (float64: 1e-16) of its "
    "value, and sums that cancel amplify this. So float32 gradients agree to about 1e-7 at best, "
    "while a wrong formula is wrong in its first digits. An error of 0 means the same operations.\n"
    "Central differences have errors h^2 (truncation) and eps/h (rounding). A smaller h reduces "
    "the first and increases the second, so even in float64 they stop near 1e-9."
)
"""What the errors mean, printed below the table."""


@dataclass(frozen=True)
class Comparison:
    """One leaf of the hand-written gradient, in one dtype, compared with one reference."""

    dtype: str
    """Dtype of the hand-written gradient: "float64" or "float32"."""
    reference: str
    """"jax.grad" (in the same dtype) or "central differences" (in float64)."""
    entries: int
    """Entries compared."""
    kinks: int
    """Entries left out because a kink of an activation or pooling lies between the two sides."""
    absolute: float
    """max|a - b|; NaN if an entry is."""
    relative: float
    """max|a - b| / max(max|a|, max|b|), with the maxima over the whole leaf; 0 if all are zero."""
    threshold: float
    """Largest relative error that passes, rounding floor included."""

    @property
    def passed(self) -> bool:
        """Whether the relative error is a number within the threshold."""
        return self.relative <= self.threshold

    def to_dict(self) -> Mapping[str, object]:
        """Return the comparison in types of JSON; an error that isn't finite is None."""
        fields = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }
        return fields | {"passed": self.passed}


@dataclass(frozen=True)
class Row:
    """One leaf of the parameters."""

    path: str
    """For example "layer 1 W"; layers are counted from 1."""
    shape: tuple[int, ...]
    zero: bool
    """Whether `jax.grad` is zero everywhere, as for a dead layer."""
    comparisons: tuple[Comparison, ...]
    """float64, then float32, each against `jax.grad`, then central differences."""
    problem: str = ""
    """Why the leaf could not be compared; empty if it could. A problem fails the row."""

    @property
    def passed(self) -> bool:
        """Whether all comparisons were made and passed."""
        return not self.problem and all(comparison.passed for comparison in self.comparisons)

    def to_dict(self) -> Mapping[str, object]:
        """Return the row in types of JSON."""
        comparisons = [comparison.to_dict() for comparison in self.comparisons]
        return asdict(self) | {"comparisons": comparisons, "passed": self.passed}


@dataclass(frozen=True)
class Report:
    """The result of a gradient check."""

    rows: tuple[Row, ...]
    """One for each leaf of the parameters, then one for each leaf that only the gradient has."""
    problems: tuple[str, ...] = ()
    """Reasons why the check fails as a whole."""

    @property
    def passed(self) -> bool:
        """Whether all leaves passed and there was something to check."""
        return not self.problems and all(row.passed for row in self.rows)

    def to_dict(self) -> Mapping[str, object]:
        """Return the report in types of JSON."""
        return asdict(self) | {"rows": [row.to_dict() for row in self.rows], "passed": self.passed}


def render(report: Report) -> Group:
    """Render the report: a table with a row a leaf, notes, what the errors mean, the verdict."""
    table = Table(
        title="Hand-written gradient: max absolute error, max relative error",
        box=box.SIMPLE,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("leaf", no_wrap=True)
    for dtype in DTYPES:
        for reference in ("jax.grad", "differences"):
            table.add_column(f"{dtype}\n{reference}", justify="right", no_wrap=True)
    table.add_column("kinks", justify="right")
    table.add_column("")
    for row in report.rows:
        cells = [_cell(comparison) for comparison in row.comparisons] or [Text("-")] * 4
        kinks = max((comparison.kinks for comparison in row.comparisons), default=0)
        verdict = Text("pass", "green") if row.passed else Text("FAIL", "bold red")
        table.add_row(Text(row.path), *cells, Text(str(kinks)), verdict)
    notes = [f"{row.path}: {row.problem}" for row in report.rows if row.problem]
    notes += [f"{row.path}: the loss does not depend on it here" for row in report.rows if row.zero]
    if any(comparison.kinks for row in report.rows for comparison in row.comparisons):
        notes.append(
            "kinks: entries left out of the differences, because the activation of some unit has a "
            "kink between the two sides, or another entry of a window becomes the largest, so that "
            "the difference mixes two slopes."
        )
    failed = sum(not row.passed for row in report.rows)
    if report.passed:
        verdict = Text(f"PASSED: all {len(report.rows)} leaves agree", "bold green")
    elif failed:
        notes += report.problems
        verdict = Text(f"FAILED: {failed} of {len(report.rows)} leaves disagree", "bold red")
    else:
        verdict = Text(f"FAILED: {'; '.join(report.problems)}", "bold red")
    return Group(table, *map(Text, notes), Text(EXPLANATION), verdict)


def _cell(comparison: Comparison) -> Text:
    if not comparison.entries:
        return Text("left out")
    errors = f"{comparison.absolute:.0e} {comparison.relative:.0e}"
    return Text(errors, "" if comparison.passed else "red")
