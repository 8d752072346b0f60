"""The one error that means "the user can fix this"."""

from collections.abc import Iterable


class UserError(Exception):
    """An input that can't be used: the message names the file or field, what was found, the remedy.

    The command line prints the message as one line and exits with 2; a programming error is any
    other exception and keeps its traceback. Files and their names may be quoted in it, so what can't
    be printed (a line's end, a terminal's commands) is escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class DivergedError(UserError):
    """A training whose loss or weights stopped being finite."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UserError:
    """Return the error for a `name` that no `kind` (activation, optimizer, ...) is known by."""
    return UserError(f"unknown {kind} {name!r}: known are {', '.join(sorted(known))}")


def missing_extra(feature: str, extra: str) -> UserError:
    """Return the error for a feature whose library isn't installed."""
    return UserError(f"{feature} isn't installed: pip install 'fmnist-jax[{extra}]'")


def printable(text: object) -> str:
    """A text for people, on one line: what can't be printed is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )
