"""Trained on 1, 2, 4 or 8 devices, a run of any kind ends with the same numbers, to rounding."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.devices.on_devices import COUNTS, RUNS, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("devices")
    start(folder)
    return folder


def read(folder: Path, name: str) -> dict[str, Any]:
    return dict(np.load(folder / f"{name}.npz"))


def assert_equal_to_rounding(found: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(
            found[name], values, rtol=1e-4, atol=2e-6, err_msg=f"{what}: {name}"
        )


@pytest.mark.parametrize("name", RUNS)
def test_the_numbers_are_those_of_one_device(folder: Path, name: str):
    expected = read(folder, f"{name}-1")
    for stage in RUNS[name].stages:
        first, last = expected[f"{stage.name} losses"]
        assert last < first  # it did learn
    for count in COUNTS[1:]:
        found = read(folder, f"{name}-{count}")
        assert_equal_to_rounding(found, expected, f"{count} devices")


@pytest.mark.parametrize(("first", "then"), [(1, 4), (4, 1)])
def test_a_training_resumes_on_other_devices(folder: Path, first: int, then: int):
    found = read(folder, f"resumed-{first}-{then}")
    assert_equal_to_rounding(found, read(folder, "running_mean-1"), f"{first}, then {then}")


def test_a_training_resumes_on_as_many_devices_to_the_bit(folder: Path):
    found, expected = read(folder, "resumed-4-4"), read(folder, "running_mean-4")
    assert {name: values.tobytes() for name, values in found.items()} == {
        name: values.tobytes() for name, values in expected.items()
    }


def test_devices_that_are_not_there_and_batches_that_they_can_not_share_are_refused(folder: Path):
    remedy = "use 'all' for all of them"
    assert json.loads((folder / "refused.json").read_text()) == [
        f"devices must be from 1 to 8, the number of cpu devices here, found 9; {remedy}",
        f"devices must be from 1 to 8, the number of cpu devices here, found 0; {remedy}",
        "stage convnet: batch_size must be a multiple of 3, the number of devices, found 16; use 15 or 18, "
        "or other devices",
    ]
