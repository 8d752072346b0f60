"""Tables and figures as every text of the study writes them."""

import io

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 1000
"""Characters that a table may take; rich would fold its columns to the terminal's."""


def markdown(table: Table) -> str:
    """The table as Markdown."""
    table.box = box.MARKDOWN
    console = Console(file=io.StringIO(), width=WIDTH, markup=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().strip().splitlines())


def number(value: float | None, *, sign: bool = False, like: float | None = None) -> str:
    """Two digits after the point of percents and epochs, four of losses; nothing for None.

    `like` is the figure whose digits these are to have, of a small difference between large ones.
    """
    if value is None:
        return ""
    digits = 2 if abs(value if like is None else like) >= 2 else 4
    return f"{value:{'+' if sign else ''}.{digits}f}"
