"""The command line `python -m experiments`: exit codes and errors."""

import shlex
import sys
from collections.abc import Callable, Sequence

from experiments.engine.spec import Program
from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.errors import UserError

PROGRAM = "python -m experiments"


def run_program(program: Program, words: Sequence[str]) -> None:
    """Run a report's own program with the options that `words` give."""
    program.act(parse(program.options, f"{PROGRAM} {program.name}", words, program.names))


def exit_code(words: Sequence[str], act: Callable[[], int | None]) -> int:
    """Call `act` and return the process's exit code; `words` are the command line after PROGRAM.

    A UserError is printed as one line and gives 2; a signal gives its own code, after the command that
    resumes.
    """
    try:
        return act() or 0
    except UserError as error:
        print(f"experiments: {error}", file=sys.stderr)
        return 2
    except Stopped as signal:
        command = f"{PROGRAM} {shlex.join(words)}"
        print(f"Stopped. To resume, run the same command again: {command}", file=sys.stderr)
        return signal.exit_code
