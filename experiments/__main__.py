"""`python -m experiments`: lists the experiments, runs one or all, and shows what they found.

    python -m experiments                     lists experiments, their cost, and what is stored
    python -m experiments NAME --seeds N      runs or resumes one
    python -m experiments study               runs or resumes all (`make study`)
    python -m experiments verdicts            reported and measured figures
    python -m experiments claims              every claim of the reports, with its verdict
    python -m experiments tables              writes the tables of README.md, docs and checkpoints
    python -m experiments page                builds the results page

`--quick` runs, or shows, two epochs on a few images.
"""

import sys
from collections.abc import Callable, Sequence

from attrs import field, frozen
from rich.console import Console
from rich.table import Table

from experiments.engine.command import PROGRAM, exit_code
from experiments.engine.store import results_folder
from experiments.site import documents
from experiments.study import processes, study
from experiments.study.catalogue import experiments, find_command, plan, programs
from experiments.study.study import StudyOptions, duration
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import listening
from fmnist_jax.data.loading import DataConfig

USAGE = "\n".join(line.strip() for line in (__doc__ or "").splitlines()[2:9])

WIDTH = 120
"""Least number of characters for the list of experiments."""


@frozen
class ShowOptions:
    """Show what is stored."""

    quick: bool = False
    """The results of `--quick`."""


@frozen
class ClaimsOptions(ShowOptions):
    """Judge every claim of the reports from what is stored."""

    json: bool = False
    """Print the claims as JSON."""


@frozen
class PageOptions(ShowOptions):
    """Build the results page from what is stored."""

    data: DataConfig = field(factory=DataConfig)
    """The images that the page shows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 for success, 1 if a row failed, 2 for invalid input."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    named = bool(words) and not words[0].startswith("-")
    command, *rest = words if named else ("list", *words)
    return exit_code(
        words, lambda: (COMMANDS.get(command) or find_command(command, COMMANDS))(rest)
    )


def show_list(words: Sequence[str]) -> None:
    """Print every experiment with what it reproduces, its runs and its cost."""
    options = parse(ShowOptions, PROGRAM, words, {})
    table = Table("experiment", "runs", "seconds a run", "all", "missing", "reproduces", box=None)
    plans = [(experiment, plan(experiment, options.quick)) for experiment in experiments()]
    for experiment, rows in plans:
        rest = study.missing_seconds(rows)
        seconds = [row.seconds for row in rows]
        estimated = "" if all(row.measured for row in rows) else " *"
        table.add_row(
            experiment.name,
            f"{sum(row.stored for row in rows)} of {sum(row.wanted for row in rows)}",
            f"{min(seconds):.0f} to {max(seconds):.0f}{estimated}",
            duration(sum(row.all_seconds for row in rows)),
            duration(rest) if rest else "",
            experiment.reproduces,
        )
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.width = max(console.width, WIDTH)
    console.print(table)
    every = [row for _, rows in plans for row in rows]
    console.print(
        f"\nAll: {duration(sum(row.all_seconds for row in every))}, still to run: "
        f"{duration(study.missing_seconds(every))}, by the fastest stored run of each row (* some by "
        "estimate).\n"
    )
    for program in programs():
        console.print(f"{PROGRAM} {program.name}: {program.does}")
    print(USAGE)


def run_study(words: Sequence[str]) -> int:
    """Run every experiment; print at the end which rows failed."""
    options = parse(StudyOptions, f"{PROGRAM} study", words, {})
    console = Console(highlight=False, soft_wrap=True, markup=False)
    with listening(console.print, processes.kill_all) as interruption:
        failed = study.run(options, experiments(), console, interruption)
    if failed:
        console.print("\n  ".join(["\nFailed:", *failed]))
        return 1
    left = study.unfinished(experiments(), options)
    console.print(
        f"Rows that still lack seeds, because other processes are running them or because they took "
        f"less time than expected and so get more: {len(left)}. The same command continues."
        if left
        else "All rows are complete."
    )
    return 0


def show_claims(words: Sequence[str]) -> None:
    """Print every claim with its effects and verdict."""
    options = parse(ClaimsOptions, f"{PROGRAM} claims", words, {})
    from experiments.analysis import judgement  # SciPy takes long to import

    folder = results_folder(options.quick)
    print(judgement.claims_json(folder) if options.json else judgement.claims_text(folder))


def show_verdicts(words: Sequence[str]) -> None:
    """Print reported and measured figures."""
    options = parse(ShowOptions, f"{PROGRAM} verdicts", words, {})
    from experiments.analysis import statistics  # SciPy takes long to import

    for experiment in statistics.all_statistics(results_folder(options.quick)):
        figures = (figure for row in experiment.rows for figure in row.columns.values())
        if any(figure.reported is not None for figure in figures):
            print(f"\n{experiment.title}\n\n{statistics.table(experiment)}")


def write_tables(words: Sequence[str]) -> None:
    """Write the tables of all documents from what is stored."""
    options = parse(documents.Options, f"{PROGRAM} tables", words, {})
    for path in documents.write(options.folder):
        print(f"Changed: {path}")


def build_page(words: Sequence[str]) -> None:
    """Build the results page."""
    options = parse(PageOptions, f"{PROGRAM} page", words, {})
    from experiments.site.build import build  # its packages take seconds to import

    build(print, options.data, results_folder(options.quick))


COMMANDS: dict[str, Callable[[Sequence[str]], int | None]] = {
    "list": show_list,
    "study": run_study,
    "claims": show_claims,
    "verdicts": show_verdicts,
    "tables": write_tables,
    "page": build_page,
}

if __name__ == "__main__":
    sys.exit(main())
