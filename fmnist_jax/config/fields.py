"""Converters and validators for the fields of configurations, which are attrs classes.

A converter turns what another library's numbers and sequences stand for into ints, floats and tuples, and
leaves all else to the validator, which raises UserError in one line: field, expectation, finding.
"""

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeVar

import attrs

from fmnist_jax.errors import UserError, unknown_name

Kind = TypeVar("Kind")

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]
"""As attrs calls it: (the configuration, the field, its value)."""


def as_int(value: Any) -> Any:
    """Convert any library's integer to int; return everything else, bool included, as it is."""
    if isinstance(value, bool):
        return value
    try:
        return operator.index(value)
    except TypeError:
        return value


def as_float(value: Any) -> Any:
    """Convert any library's real number to float; return ints, floats and everything else as they are."""
    if isinstance(value, int) or not isinstance(value, Real):
        return value
    return float(value)


def as_tuple(value: Any) -> Any:
    """Convert a sequence to a tuple, its integers to ints; a single value stays as it is."""
    if isinstance(value, str):
        return value
    try:
        return tuple(as_int(item) for item in value)
    except TypeError:
        return as_int(value)


def whole(least: int, most: int | None = None) -> Validator:
    """An int (not a bool) from `least` to `most`."""
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"

    def validate(owner: object, field: attrs.Attribute, value: object) -> None:
        if not is_whole(value, least, most):
            raise must(field.name, f"a whole number {limits}", value)

    return validate


def number(least: float, most: float = math.inf, below: float = math.inf) -> Validator:
    """A finite int or float (not a bool) from `least` to `most`, and less than `below`."""
    limits = f"of at least {least:g}"
    if most < math.inf:
        limits = f"from {least:g} to {most:g}"
    if below < math.inf:
        limits += f" and less than {below:g}"

    def validate(owner: object, field: attrs.Attribute, value: object) -> None:
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
            or not least <= value <= most
            or value >= below
        ):
            raise must(field.name, f"a finite number {limits}", value)

    return validate


def one_of(*names: str) -> Validator:
    """One of these strings."""

    def validate(owner: object, field: attrs.Attribute, value: object) -> None:
        if value not in names:
            raise unknown_name(field.name, value, names)

    return validate


def function(example: str) -> Validator:
    """A function; `example` says where to find one."""

    def validate(owner: object, field: attrs.Attribute, value: object) -> None:
        if not callable(value):
            raise must(field.name, f"a function, such as {example}", value)

    return validate


def of_type(kind: type, example: str) -> Validator:
    """An instance of `kind`, such as `example`."""

    def validate(owner: object, field: attrs.Attribute, value: object) -> None:
        check_type(field.name, value, kind, example)

    return validate


def each(validator: Validator, least: int = 0) -> Validator:
    """A tuple of at least `least` items, of which each passes `validator`; errors name the item."""
    expected = f"a sequence of {least} or more" if least else "a sequence"

    def validate(owner: object, field: attrs.Attribute, value: object) -> None:
        if not isinstance(value, tuple) or len(value) < least:
            raise must(field.name, expected, value)
        for index, item in enumerate(value):
            name = f"{field.name}[{index}]" if len(value) > 1 else field.name
            validator(owner, field.evolve(name=name), item)

    return validate


def check_type(name: str, value: object, kind: type[Kind], example: str) -> Kind:
    """Return `value`. Raises UserError unless it is an instance of `kind`, such as `example`."""
    if not isinstance(value, kind):
        raise must(name, f"of type {kind.__name__}, such as {example}", value)
    return value


def must(name: str, expected: str, found: object) -> UserError:
    """Return the error for a field that isn't what it must be."""
    return UserError(f"{name} must be {expected}, found {format_value(found)}")


def is_whole(value: object, least: int, most: int | None = None) -> bool:
    """Whether `value` is an int (not a bool) in this range."""
    return type(value) is int and least <= value and (most is None or value <= most)


def format_value(value: object) -> str:
    """A value as errors quote it: plain ones as they are written, all others by their type's name."""
    if isinstance(value, tuple | list) and all(map(_is_plain, value)):
        return repr(value)
    return repr(value) if _is_plain(value) else type(value).__name__


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, int | float | str)


def format_array(value: object) -> str:
    """An array's type and shape; of anything else its type's name."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return type(value).__name__ if shape is None else f"{dtype} of shape {shape}"
