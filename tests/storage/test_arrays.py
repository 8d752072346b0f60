import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.storage.arrays import (
    array_bytes,
    array_types,
    check_finite,
    check_layout,
    flatten_paths,
    reserve_space,
    restoring,
    saving,
)


class Layer(NamedTuple):
    W: np.ndarray
    b: np.ndarray


TREE = {
    "mlp": {
        "parameters": (Layer(np.zeros((3, 2), np.float32), np.zeros(2, np.float32)),),
        "state": {},
    },
    "count": np.zeros((), np.int32),
}


def test_leaves_are_named_by_their_paths() -> None:
    assert array_types(flatten_paths(TREE)) == {
        "count": "int32[]",
        "mlp.parameters.0.W": "float32[3, 2]",
        "mlp.parameters.0.b": "float32[2]",
    }
    assert sum(map(array_bytes, flatten_paths(TREE).values())) == 36
    shapes = jax.eval_shape(lambda: TREE)
    assert array_types(flatten_paths(shapes)) == array_types(flatten_paths(TREE))


def test_another_layout_is_described() -> None:
    types = array_types(flatten_paths(TREE))
    check_layout(types, types, "here")
    found = {**types, "count": "int64[]", "more": "int32[]"}
    del found["mlp.parameters.0.b"]
    with pytest.raises(UserError) as caught:
        check_layout(found, types, "here")
    assert str(caught.value) == (
        "here: the arrays don't fit the model's configuration: mlp.parameters.0.b is missing, more is "
        "unknown, count is int64[], not int32[]; use the configuration that they were trained with"
    )
    with pytest.raises(UserError, match="and 12 more"):
        check_layout({str(number): "int32[]" for number in range(20)}, {}, "here")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(value: float) -> None:
    check_finite({"a": np.ones(3)}, "here")
    with pytest.raises(UserError, match="here: b holds values that are not finite"):
        check_finite({"a": np.ones(3), "b": np.array([1, value])}, "here")


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path) -> None:
    arrays = {"a": np.zeros(1 << 20, np.uint8)}
    reserve_space(tmp_path / "space", arrays)
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(UserError, match=f"^{tmp_path}/there: can't be written"),
        saving(tmp_path / "there"),
        files_up_to(1 << 20),
    ):
        reserve_space(tmp_path / "space", arrays)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_orbax_become_one_line_and_its_log_is_suppressed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    level = logging.getLogger("absl").level

    def fail(error: BaseException) -> None:
        logging.getLogger("absl").error("at length")
        raise error

    with pytest.raises(UserError, match=r"can't be written \(no space\); free"), saving(tmp_path):
        fail(ValueError("no space [many details]"))
    with (
        pytest.raises(UserError, match=r"can't be restored \(a\\nb\); copy it again"),
        restoring(tmp_path),
    ):
        fail(RuntimeError("a\nb"))
    with pytest.raises(KeyboardInterrupt), restoring(tmp_path):
        fail(KeyboardInterrupt())
    assert caplog.records == []
    assert logging.getLogger("absl").level == level
