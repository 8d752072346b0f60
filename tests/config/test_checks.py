from typing import Any

import numpy as np
import pytest

from fmnist_jax.config.checks import check_type, is_count, is_number, listed, real, shown, whole
from fmnist_jax.errors import UserError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        ("a\nb", r"'a\nb'"),
        (1.5, "1.5"),
        ((1, "a"), "(1, 'a')"),
        ((1, print), "tuple"),
        (np.zeros(2), "ndarray"),
        (lambda: 0, "function"),
    ],
)
def test_plain_values_are_shown_and_others_named(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_whole_and_real_numbers_of_numpy_become_pythons() -> None:
    assert [type(value) for value in (whole(np.uint8(3)), real(np.float32(0.5)))] == [int, float]
    assert listed(np.array([1, 2])) == (1, 2)
    assert listed(5) is None
    for value in (True, 1.0, "1", None):
        assert whole(value) is value
        assert not is_count(whole(value), 0, 5)
    assert real("0.1") == "0.1"
    assert (is_number(1), is_number(0.5)) == (True, True)
    assert not is_number(True)


def test_another_type_is_told() -> None:
    check_type("a", 1, int, "as 1 is")
    with pytest.raises(UserError, match=r"^a must be of type int, as 1 is, found 'x'$"):
        check_type("a", "x", int, "as 1 is")
