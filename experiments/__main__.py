"""`python -m experiments`: lists the experiments, runs one or all, and says what they show.

    python -m experiments                     what there is, what it costs, and what is stored
    python -m experiments NAME --seeds N      runs or resumes one
    python -m experiments study               runs or resumes all (`make study`)
    python -m experiments verdicts            every reported figure beside the measured one
    python -m experiments claims              every claim of the reports, and whether it holds
    python -m experiments report              builds the page

`--quick` runs, or shows, two epochs on a few images.
"""

import importlib
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from experiments.analysis import judgement as claims
from experiments.analysis import statistics
from experiments.engine import runner as protocol
from experiments.study import study, workers
from experiments.study.catalogue import CATALOGUE, PROGRAMS, module_of, plan, results_folder
from experiments.study.study import StudyOptions, duration
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import Stopped, listening
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError, unknown_name

PROGRAM = "python -m experiments"

USAGE = "\n".join(line.strip() for line in (__doc__ or "").splitlines()[1:8])

WIDTH = 120
"""Characters of the list of experiments, where the terminal has less."""


@dataclass(frozen=True)
class Shown:
    """Show what is stored."""

    quick: bool = False
    """Of what `--quick` has run."""


@dataclass(frozen=True)
class ReportOptions:
    """Build the page from what is stored."""

    quick: bool = False
    """Of what `--quick` has run."""
    data: DataConfig = field(default_factory=DataConfig)
    """Which images its pictures are of."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as the words say; 0 for success, 1 where a row failed, 2 for what the user can mend."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words.pop(0) if words and not words[0].startswith("-") else "list"
    try:
        if command in COMMANDS:
            return COMMANDS[command](words)
        run_one(command, words)
        return 0
    except UserError as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        again = shlex.join([command, *words])
        print(f"Stopped. To go on, give the same command again: {PROGRAM} {again}", file=sys.stderr)
        return stopped.exit_code


def run_one(name: str, words: Sequence[str]) -> None:
    """Run an experiment or a report's program, as `python -m experiments.NAME` does."""
    entries = {entry.name: entry for entry in CATALOGUE}
    if name not in (*entries, *PROGRAMS):
        raise unknown_name("experiment or command", name, [*entries, *PROGRAMS, *COMMANDS])
    if name in entries:
        protocol.main(entries[name].experiment, words)
    else:
        importlib.import_module(module_of(name)).main(words)


def show_list(words: Sequence[str]) -> int:
    """Every experiment with what it reproduces, its runs and its cost."""
    options = parse(Shown, PROGRAM, words, {})
    lines = Table("experiment", "runs", "seconds a run", "all", "missing", "reproduces", box=None)
    every, missing = 0.0, 0.0
    for entry in CATALOGUE:
        rows = plan(entry, options.quick)
        cost = sum(row.all_seconds for row in rows)
        rest = sum(row.missing_seconds for row in rows)
        every, missing = every + cost, missing + rest
        seconds = [row.seconds for row in rows]
        estimated = "" if all(row.measured for row in rows) else " *"
        lines.add_row(
            entry.name,
            f"{sum(row.stored for row in rows)} of {sum(row.wanted for row in rows)}",
            f"{min(seconds):.0f} to {max(seconds):.0f}{estimated}",
            duration(cost),
            duration(rest) if rest else "",
            entry.reproduces,
        )
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.width = max(console.width, WIDTH)
    console.print(lines)
    console.print(
        f"\nAll: {duration(every)}, still to run: {duration(missing)}, by the fastest stored run of "
        "each row (* some by estimate).\n"
    )
    for name, does in PROGRAMS.items():
        console.print(f"{PROGRAM} {name}: {does}")
    print(USAGE)
    return 0


def run_study(words: Sequence[str]) -> int:
    """Run every experiment; tell at the end which rows failed."""
    options = parse(StudyOptions, f"{PROGRAM} study", words, {})
    console = Console(highlight=False, soft_wrap=True, markup=False)
    jobs = workers.jobs_for(options)
    if jobs > 1:
        failed = workers.run(options, jobs, console)
    else:
        with listening(console.print, sys.stdout.flush) as interruption:
            failed = study.run(options, console, interruption)
    if failed:
        console.print("\nFailed:")
        for line in failed:
            console.print(f"  {line}")
        return 1
    left = study.unfinished(CATALOGUE, options)
    console.print(
        f"Rows that lack seeds still, which other processes are at or which took less time than "
        f"expected and so deserve more: {len(left)}. The same command goes on."
        if left
        else "All rows are there."
    )
    return 0


def show_claims(words: Sequence[str]) -> int:
    """Every claim with its effects and verdict."""
    options = parse(Shown, f"{PROGRAM} claims", words, {})
    judged = claims.all_claims(results_folder(options.quick))
    tested = sum(effect.p is not None for one in judged for effect in one.effects)
    print(claims.table(judged))
    print(
        f"\nComparisons tested: {tested}. At 95 %, one in twenty is told wrong by chance where there is "
        "nothing to be told."
    )
    return 0


def show_verdicts(words: Sequence[str]) -> int:
    """Every reported figure beside the measured one."""
    options = parse(Shown, f"{PROGRAM} verdicts", words, {})
    for experiment in statistics.all_statistics(results_folder(options.quick)):
        if any(
            figure.reported is not None
            for row in experiment.rows
            for figure in row.columns.values()
        ):
            print(f"\n{experiment.title}\n\n{statistics.table(experiment)}")
    return 0


def build_report(words: Sequence[str]) -> int:
    """Build the page."""
    options = parse(ReportOptions, f"{PROGRAM} report", words, {})
    # Only here: the page's packages take seconds to import and aren't needed to run experiments.
    from experiments.site.build import build

    build(print, options.data, results_folder(options.quick))
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": show_list,
    "study": run_study,
    "claims": show_claims,
    "verdicts": show_verdicts,
    "report": build_report,
}

if __name__ == "__main__":
    sys.exit(main())
