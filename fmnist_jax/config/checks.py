"""Checks of what users give, before anything is built of it; each raises UserError in one line."""

import operator
from numbers import Real
from typing import Any

from fmnist_jax.errors import UserError


def shown(value: object) -> str:
    """A value as errors show it: plain ones as they are written, all others by their type's name."""
    if isinstance(value, tuple | list) and all(map(_plain, value)):
        return repr(value)
    return repr(value) if _plain(value) else type(value).__name__


def _plain(value: object) -> bool:
    return value is None or isinstance(value, int | float | str)


def shown_array(value: Any) -> str:
    """An array's type and shape; the type's name of what is no array."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__


def check_type(name: str, value: object, kind: type, remedy: str) -> None:
    """Refuse a `value` of another type than `kind`; `remedy` goes on after "must be of type ..."."""
    if not isinstance(value, kind):
        raise UserError(f"{name} must be of type {kind.__name__}, {remedy}, found {shown(value)}")


def whole(value: Any) -> Any:
    """The int that an integer of any library is; what is none, bool included, as it is."""
    if isinstance(value, bool):
        return value
    try:
        return operator.index(value)
    except TypeError:
        return value


def is_count(value: object, least: int, most: int) -> bool:
    """Whether it is an int (and no bool) in this range."""
    return type(value) is int and least <= value <= most


def listed(value: Any) -> tuple[Any, ...] | None:
    """The items, integers of any library as ints; None for what has none."""
    try:
        return tuple(whole(item) for item in value)
    except TypeError:
        return None


def real(value: Any) -> Any:
    """The float that another library's real number is; ints, floats and all else as they are."""
    if isinstance(value, int | float) or not isinstance(value, Real):
        return value
    return float(value)


def is_number(value: object) -> bool:
    """Whether it is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)
