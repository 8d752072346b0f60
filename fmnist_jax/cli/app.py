"""The command `fmnist-jax`: finds the subcommand, runs it, and turns errors into exit codes."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence

from fmnist_jax.errors import UserError

COMMANDS = {
    "train": "train a network, evaluate it, save a checkpoint and pictures",
    "evaluate": "measure a checkpoint on the test images",
    "predict": "classify pictures with a checkpoint",
    "gradcheck": "check the hand-written gradient against autodiff and central differences",
    "data": "obtain the data, or check what is there",
}
"""Each is a module of this package with a `main(arguments) -> exit code`."""

USAGE = "usage: fmnist-jax COMMAND [OPTIONS], fmnist-jax COMMAND --help\n\ncommands:\n" + "\n".join(
    f"  {name:<10} {summary}" for name, summary in COMMANDS.items()
)

OPTIONS = (
    "\n\noptions:\n  --debug    show the traceback of an error\n  --version  print the version"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 for success, 1 for a failed check, 2 for input the user can mend."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(USAGE + OPTIONS)
        return 0 if words else 2
    if words[0] == "--version":
        from importlib.metadata import version

        print(version("fmnist-jax"))
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        print(
            f"fmnist-jax: unknown command {name!r}: known are {', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    try:
        # Only the command's own imports: `predict` answers before others would have started.
        return importlib.import_module(f"fmnist_jax.cli.{name}").main(rest)
    except UserError as error:
        if debug:
            raise
        print(f"fmnist-jax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fmnist-jax: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of our output is gone (`fmnist-jax ... | head`): nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
