"""Configurations as JSON: frozen dataclasses to plain dicts and back, behaviours by their names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import cattrs

from fmnist_jax.errors import UserError, unknown_name

Tables = Mapping[type, Mapping[str, Any]]
"""For each type of behaviour (Activation, Initializer, ...) its values by name."""

Config = TypeVar("Config")


def encode(config: Any, tables: Tables) -> dict[str, Any]:
    """A configuration dataclass as JSON-ready dicts, lists, numbers and names.

    Raises UserError for a behaviour (a function of one's own, say) that no table names.
    """
    return _converter(tables).unstructure(config)


def decode(kind: type[Config], values: Any, tables: Tables, where: str | Path) -> Config:
    """The configuration dataclass `kind` from what `encode` gave; what is missing takes its default.

    `where` names the file for errors. Raises UserError for unknown fields, values of a wrong type and
    unknown names.
    """
    if not isinstance(values, Mapping):
        raise UserError(
            f"{where}: expected the fields of a {kind.__name__}, found {type(values).__name__}"
        )
    try:
        return _converter(tables).structure(values, kind)
    except (cattrs.BaseValidationError, UserError, TypeError, ValueError) as error:
        reasons = "; ".join(
            cattrs.transform_error(error, path=kind.__name__, format_exception=_say)
        )
        raise UserError(f"{where}: {reasons}") from error


def completed(kind: type, values: Any, tables: Tables, where: str | Path) -> Any:
    """What `encode` gave, with the defaults of fields that are younger; as it is where it's no `kind`'s."""
    try:
        return encode(decode(kind, values, tables, where), tables)
    except UserError:
        return values


def _converter(tables: Tables) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind, table in tables.items():
        converter.register_unstructure_hook_func(
            lambda hint, kind=kind: hint is kind, lambda value, table=table: name_of(value, table)
        )
        converter.register_structure_hook_func(
            lambda hint, kind=kind: hint is kind,
            lambda name, hint, table=table: named(name, hint, table),
        )
    return converter


def name_of(value: Any, table: Mapping[str, Any]) -> str:
    """The name of a behaviour. Raises UserError where the table has none for it."""
    for name, candidate in table.items():
        if candidate == value:
            return name
    raise UserError(
        f"{value!r} has no name, so it can't be saved: known are {', '.join(sorted(table))}"
    )


def named(name: Any, kind: type, table: Mapping[str, Any]) -> Any:
    """The behaviour of that name. Raises UserError, with the known ones, where there is none."""
    if not isinstance(name, str) or name not in table:
        words = re.sub(r"\B(?=[A-Z])", " ", kind.__name__).lower()
        raise unknown_name(words, name, table)
    return table[name]


def _say(error: BaseException, kind: type | None) -> str:
    if isinstance(error, UserError):
        return str(error)
    return cattrs.v.format_exception(error, kind)
