"""Configurations as JSON: attrs classes to plain dicts and back, behaviours and types by their names."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import cattrs

from fmnist_jax.errors import UserError, unknown_name

Names = Mapping[type, Mapping[str, Any]]
"""For each type of field (Activation, Initializer, ...) its values by name.

Where the values are classes, as of `ModelConfig`, a field holds an instance of one of them; its JSON form
has the class's name as "type" next to the instance's own fields.
"""

Config = TypeVar("Config")


def encode(config: object, names: Names) -> dict[str, Any]:
    """Convert a configuration to JSON values. Raises UserError for a behaviour that has no name."""
    return _converter(names).unstructure(config)


def decode(kind: type[Config], values: object, names: Names, where: str | Path) -> Config:
    """Build `kind` from what `encode` returned, with defaults for missing fields; `where` is the file."""
    if not isinstance(values, Mapping):
        raise UserError(
            f"{where}: expected the fields of a {kind.__name__}, found {type(values).__name__}"
        )
    try:
        return _converter(names).structure(values, kind)
    except (cattrs.BaseValidationError, UserError, TypeError, ValueError) as error:
        reasons = "; ".join(
            cattrs.transform_error(error, path=kind.__name__, format_exception=_describe)
        )
        raise UserError(f"{where}: {reasons}") from error


def complete(kind: type, values: object, names: Names, where: str | Path) -> object:
    """Add the defaults of newer fields to what `encode` returned; return anything else unchanged."""
    try:
        return encode(decode(kind, values, names, where), names)
    except UserError:
        return values


_CONVERTERS: dict[tuple[tuple[type, int], ...], cattrs.Converter] = {}
"""By the tables of names, which the converters keep alive: one takes 15 ms to make and 0.1 ms to use."""


def _converter(names: Names) -> cattrs.Converter:
    key = tuple((kind, id(table)) for kind, table in names.items())
    if key not in _CONVERTERS:
        _CONVERTERS[key] = _make_converter(names)
    return _CONVERTERS[key]


def _make_converter(names: Names) -> cattrs.Converter:
    converter = cattrs.Converter(
        forbid_extra_keys=True, unstruct_collection_overrides={tuple: list}
    )

    def register(kind: type, table: Mapping[str, object]) -> None:
        def write(value: object) -> str:
            return name_of(value, table)

        def read(values: object, _: object) -> object:
            return find_named(values, kind, table)

        def write_typed(value: object) -> dict[str, object]:
            return {"type": name_of(type(value), table), **converter.unstructure(value)}

        def read_typed(values: object, _: object) -> object:
            if not isinstance(values, Mapping):
                raise UserError(
                    f"expected the fields of a {kind.__name__}, found {type(values).__name__}"
                )
            chosen = find_named(values.get("type"), kind, table)
            rest = {name: value for name, value in values.items() if name != "type"}
            return converter.structure(rest, chosen)

        typed = all(map(inspect.isclass, table.values()))
        converter.register_unstructure_hook_func(
            lambda hint: hint is kind, write_typed if typed else write
        )
        converter.register_structure_hook_func(
            lambda hint: hint is kind, read_typed if typed else read
        )

        def read_many(values: Any, _: Any) -> Any:
            given = [values] if isinstance(values, str) else values
            return tuple(converter.structure(value, kind) for value in given)

        # Where a field holds several behaviours, a single name stands for one.
        converter.register_structure_hook_func(lambda hint: hint == tuple[kind, ...], read_many)

    for kind, table in names.items():
        register(kind, table)
    return converter


def name_of(value: object, table: Mapping[str, object]) -> str:
    """Return the name of a behaviour. Raises UserError where the table has none."""
    for name, candidate in table.items():
        if candidate == value:
            return name
    raise UserError(
        f"{value!r} has no name, so it can't be saved: known are {', '.join(sorted(table))}"
    )


def find_named(name: object, kind: type, table: Mapping[str, Any]) -> Any:
    """Return the behaviour of that name. Raises UserError, with the known names, where there is none."""
    if not isinstance(name, str) or name not in table:
        words = re.sub(r"\B(?=[A-Z])", " ", kind.__name__).lower()
        raise unknown_name(words, name, table)
    return table[name]


def _describe(error: BaseException, kind: Any) -> str:
    if isinstance(error, UserError):
        return str(error)
    return cattrs.v.format_exception(error, kind)
