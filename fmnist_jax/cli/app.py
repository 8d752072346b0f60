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
    "data": "get the data, or check what is there",
}
"""Each is a module of this package with a `main(arguments) -> exit code`."""

USAGE = "usage: fmnist-jax COMMAND [OPTIONS], fmnist-jax COMMAND --help\n\ncommands:\n" + "\n".join(
    f"  {name:<10} {summary}" for name, summary in COMMANDS.items()
)

OUT_OF_MEMORY = "not enough memory: use a smaller model, batch or input"

OPTIONS = (
    "\n\noptions:\n  --debug    show the traceback of an error\n  --version  print the version"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 for success, 1 for a failed check, 2 for an error that the user can fix."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names that the terminal can't show are escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = run([word for word in words if word != "--debug"])
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("fmnist-jax: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of our output is gone (`fmnist-jax ... | head`): there is nobody to print to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (UserError, OSError) as error:
        return _fail(str(error), debug)
    except MemoryError:
        return _fail(OUT_OF_MEMORY, debug)
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):  # how XLA reports a lack of memory
            raise
        return _fail(OUT_OF_MEMORY, debug)


def _fail(message: str, debug: bool) -> int:
    """Print the current exception's message on one line; return the exit code."""
    if debug:
        traceback.print_exc()
    print(f"fmnist-jax: {printable(' '.join(message.split()))}", file=sys.stderr)
    return 2


def run(words: Sequence[str]) -> int:
    """Run the command that the first argument names. Raises UserError for an unknown one."""
    if not words or words[0] in ("-h", "--help"):
        print(USAGE + OPTIONS)
        return 0 if words else 2
    name, rest = words[0], words[1:]
    if name == "--version":
        print(version("fmnist-jax"))
        return 0
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    # Only the command's own imports, so that `predict` starts quickly.
    return importlib.import_module(f"fmnist_jax.cli.{name}").main(rest)
