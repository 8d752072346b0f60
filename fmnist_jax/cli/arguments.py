"""Command-line options from configurations and functions: names become behaviours here, once."""

import contextlib
import functools
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from fmnist_jax.config.codec import Names, find_named, name_of
from fmnist_jax.errors import UserError

Result = TypeVar("Result")

Unprefixed = tyro.conf.OmitArgPrefixes
"""Where `prefixes` are requested: the parameter whose options have none."""


def call(
    command: Callable[..., Result],
    name: str,
    arguments: Sequence[str],
    names: Names,
) -> Result:
    """Call `command` with the parsed `arguments`, after `name` in the usage, as `parse` does."""

    @functools.wraps(command)
    def prepared(*positional: object, **named: object) -> Callable[[], Result]:
        return functools.partial(command, *positional, **named)

    return parse(prepared, f"fmnist-jax {name}", arguments, names)()


def parse(
    kind: Callable[..., Result],
    program: str,
    arguments: Sequence[str] | None,
    names: Names,
    prefixes: bool = False,
) -> Result:
    """Call `kind` with the options that `arguments` (by default the process's own) give it.

    Raises UserError for arguments that don't fit.
    """
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def behaviour(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
        if info.type not in names:
            return None
        table = names[info.type]
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="{" + ",".join(table) + "}",
            instance_from_str=lambda words: find_named(words[0], info.type, table),
            is_instance=lambda value: value in table.values(),
            str_from_instance=lambda value: [name_of(value, table)],
        )

    complaint = io.StringIO()
    try:
        with registry, contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                prog=program,
                args=None if arguments is None else list(arguments),
                config=(tyro.conf.FlagCreatePairsOff, *(() if prefixes else (Unprefixed,))),
            )
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise UserError(f"{_one_line(complaint.getvalue())}; see {program} --help") from None


def _one_line(box: str) -> str:
    """tyro's framed error message on one line, without the frame's title and its own note on --help."""
    lines = [line for line in box.splitlines() if not line.startswith("\u256d")]
    lines = [re.sub(r"[\u2500-\u257f]", "", line).strip() for line in lines]
    kept = [line for line in lines if line and not re.match(r"For full helptext|.*--help$", line)]
    return " ".join(kept).rstrip(".")


def json_text(value: object) -> str:
    """Format what `--json` prints."""
    return json.dumps(value, indent=2)
