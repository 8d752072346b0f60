"""Command-line options from the configuration dataclasses: names become behaviours here, once."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from fmnist_jax.configuration import Tables, name_of, named

Result = TypeVar("Result")


def call(
    command: Callable[..., Result], name: str, arguments: Sequence[str], tables: Tables
) -> Result:
    """Call `command` with what `arguments` say; exits with 2 where they don't fit, 0 after --help."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def behaviour(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
        if info.type not in tables:
            return None
        table = tables[info.type]
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="{" + ",".join(table) + "}",
            # Its UserError passes through tyro and is told in one line, like all others.
            instance_from_str=lambda words: named(words[0], info.type, table),
            is_instance=lambda value: value in table.values(),
            str_from_instance=lambda value: [name_of(value, table)],
        )

    with registry:
        return tyro.cli(
            command,
            prog=f"fmnist-jax {name}",
            args=list(arguments),
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )


def json_text(value: Any) -> str:
    """What `--json` prints."""
    return json.dumps(value, indent=2)
