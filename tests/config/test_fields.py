"""Converters and validators of configurations' fields."""

import re
from typing import Any

import attrs
import numpy as np
import pytest
from attrs import field, frozen

from fmnist_jax.config import fields
from fmnist_jax.config.fields import (
    as_float,
    as_int,
    as_tuple,
    check_type,
    each,
    format_array,
    format_value,
    function,
    is_whole,
    must,
    number,
    of_type,
    one_of,
    whole,
)
from fmnist_jax.errors import UserError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        ("a\nb", r"'a\nb'"),
        (1.5, "1.5"),
        ((1, "a"), "(1, 'a')"),
        ([1, None], "[1, None]"),
        ((1, print), "tuple"),
        (np.zeros(2), "ndarray"),
        (lambda: 0, "function"),
    ],
)
def test_errors_quote_plain_values_and_name_the_type_of_others(value: Any, expected: str) -> None:
    assert format_value(value) == expected


def test_arrays_are_described_by_type_and_shape() -> None:
    assert format_array(np.zeros((2, 3), np.uint8)) == "uint8 of shape (2, 3)"
    assert format_array([0]) == "list"
    assert format_array(None) == "NoneType"


def test_numbers_of_numpy_become_pythons() -> None:
    assert [type(as_int(np.uint8(3))), type(as_float(np.float32(0.5)))] == [int, float]
    assert type(as_float(np.float64(0.5))) is float
    assert as_tuple(np.array([1, 2])) == (1, 2)
    assert {type(item) for item in as_tuple(np.array([1, 2]))} == {int}
    assert as_tuple([np.int64(4), "a"]) == (4, "a")
    assert (as_tuple(5), type(as_tuple(np.int8(5)))) == (5, int)


def test_everything_else_is_left_to_the_validator() -> None:
    for value in (True, 1.0, "1", None):
        assert as_int(value) is value
        assert not is_whole(as_int(value), 0, 5)
    for value in ("0.1", None, 1, True):
        assert as_float(value) is value
    assert as_tuple("text") == "text"
    assert as_tuple(None) is None


def check(validator: fields.Validator, value: Any) -> None:
    """Set a field named `size` with this validator to `value`."""
    attrs.make_class("Made", {"size": field(validator=validator)})(value)


@pytest.mark.parametrize(
    ("validator", "right", "wrong", "message"),
    [
        (whole(1), 1, 0, "size must be a whole number of at least 1, found 0"),
        (whole(1, 9), 9, 10, "size must be a whole number from 1 to 9, found 10"),
        (whole(0), 0, True, "size must be a whole number of at least 0, found True"),
        (whole(0), 5, 1.0, "size must be a whole number of at least 0, found 1.0"),
        (number(0), 0, -0.1, "size must be a finite number of at least 0, found -0.1"),
        (number(0, 2), 2.0, 2.1, "size must be a finite number from 0 to 2, found 2.1"),
        (
            number(0, below=1),
            0.999,
            1,
            "size must be a finite number of at least 0 and less than 1, found 1",
        ),
        (number(0), 1, float("nan"), "size must be a finite number of at least 0, found nan"),
        (number(0), 1e300, float("inf"), "size must be a finite number of at least 0, found inf"),
        (number(0), 1, False, "size must be a finite number of at least 0, found False"),
        (number(0), 1, "1", "size must be a finite number of at least 0, found '1'"),
        (one_of("a", "b"), "a", "c", "unknown size 'c': known are a, b"),
        (
            function("math.sqrt"),
            abs,
            "abs",
            "size must be a function, such as math.sqrt, found 'abs'",
        ),
        (of_type(int, "3"), 3, "3", "size must be of type int, such as 3, found '3'"),
        (each(whole(1)), (), (1, 0), "size[1] must be a whole number of at least 1, found 0"),
        (each(whole(1)), (1, 2), (0,), "size must be a whole number of at least 1, found 0"),
        (each(whole(1)), (1, 2), [1], "size must be a sequence, found [1]"),
        (each(whole(1), least=2), (1, 2), (1,), "size must be a sequence of 2 or more, found (1,)"),
        (each(whole(1)), (3,), 3, "size must be a sequence, found 3"),
    ],
)
def test_validators(validator: fields.Validator, right: Any, wrong: Any, message: str) -> None:
    check(validator, right)
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        check(validator, wrong)


def test_converters_run_before_validators() -> None:
    @frozen
    class Made:
        sizes: tuple[int, ...] = field(converter=as_tuple, validator=each(whole(1)))

    assert Made([np.int64(1)]) == Made((1,))  # pyright: ignore[reportArgumentType]


def test_a_value_of_another_type_is_refused() -> None:
    check_type("a", 1, int, "3")
    with pytest.raises(UserError, match=r"^a must be of type int, such as 3, found 'x'$"):
        check_type("a", "x", int, "3")


def test_must_quotes_what_was_found() -> None:
    assert str(must("a", "a path", np.zeros(1))) == "a must be a path, found ndarray"
