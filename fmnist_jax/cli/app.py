"""The command `fmnist-jax`: finds the subcommand, runs it, and turns errors into exit codes."""

import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

from fmnist_jax.errors import UserError, printable, unknown_name

COMMANDS = {
    "train": "train a network (by default the pipeline), evaluate it, save a checkpoint and pictures",
    "evaluate": "measure a checkpoint on the test images",
    "predict": "classify pictures with a checkpoint",
    "summary": "count a network's parameters and operations",
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
    """Run the command line; 0 for success, 1 for a failed check, 2 for what the user can mend."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name that the terminal can't show is shown escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = run([word for word in words if word != "--debug"])
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("fmnist-jax: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of our output is gone (`fmnist-jax ... | head`): nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (UserError, OSError, MemoryError, RuntimeError) as error:
        # XLA tells a lack of memory by a RuntimeError of many lines.
        short = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
        if isinstance(error, RuntimeError) and not short:
            raise
        if debug:
            traceback.print_exc()
        message = "not enough memory: ask for less" if short else error
        print(f"fmnist-jax: {printable(' '.join(str(message).split()))}", file=sys.stderr)
        return 2


def run(words: Sequence[str]) -> int:
    """Run the command that the first word names. Raises UserError for an unknown one."""
    if not words or words[0] in ("-h", "--help"):
        print(USAGE + OPTIONS)
        return 0 if words else 2
    name, rest = words[0], words[1:]
    if name == "--version":
        print(version("fmnist-jax"))
        return 0
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    # Only the command's own imports: `predict` answers before others would have started.
    return importlib.import_module(f"fmnist_jax.cli.{name}").main(rest)
