"""A module of the study as a command: its options, and how it ends where it can't go on."""

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from fmnist_jax.cli.arguments import parse
from fmnist_jax.cli.interruption import Stopped
from fmnist_jax.config.codec import Tables
from fmnist_jax.errors import UserError

Options = TypeVar("Options")


def perform(
    module: str,
    kind: Callable[..., Options],
    act: Callable[[Options], None],
    tables: Tables,
    arguments: Sequence[str] | None = None,
    stopped: str = "Stopped. ",
) -> None:
    """`act` on what `kind` makes of the words, by default those after `python -m experiments.MODULE`.

    Exits with 2 on UserError, told in one line, and on Stopped with the signal's code, telling the
    command that goes on; `stopped` stands before that, empty where `act` has said that it stopped.
    """
    command = f"python -m experiments.{module}"
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        act(parse(kind, command, words, tables))
    except UserError as error:
        print(f"experiments.{module}: {error}", file=sys.stderr)
        sys.exit(2)
    except Stopped as signal:
        again = f"{command} {shlex.join(words)}"
        print(f"{stopped}To go on, give the same command again: {again}", file=sys.stderr)
        sys.exit(signal.exit_code)
