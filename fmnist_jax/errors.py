"""The one error that means "the user can mend this"."""

from collections.abc import Iterable


class UserError(Exception):
    """An input that can't be used: the message names the file or field, what was found, the remedy.

    The command line prints the message as one line and exits with 2; a programming error is any
    other exception and keeps its traceback.
    """


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UserError:
    """Return the error for a `name` that no `kind` (activation, optimizer, ...) is known by."""
    return UserError(f"unknown {kind} {name!r}: known are {', '.join(sorted(known))}")
