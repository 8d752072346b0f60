"""A checkpoint's metadata and list of arrays: what does not fit is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_jax.checkpoint.format import METADATA
from tests.checkpoints import TREE, change_metadata, change_stage, refusal, seal


def mlp(**fields: Any) -> dict[str, Any]:
    return {"type": "mlp", **fields}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"format_version": 1},
            "format_version is 1, this fmnist-jax reads 3; use the fmnist-jax that",
        ),
        (
            {"format_version": 2, "model": {"kind": "mlp"}},
            "format_version is 2, this fmnist-jax reads 3; use the fmnist-jax that",
        ),
        ({"format_version": ...}, "format_version is None"),
        ({"class_names": ...}, "class_names"),
        ({"class_names": ["a", "b"]}, "has 10 classes and class_names has 2"),
        ({"data_checksum": ...}, "data_checksum"),
        ({"stranger": 1}, "stranger"),
        ({"metrics": 3}, "metrics"),
        ({"stages": []}, "stages must be one or more"),
        ({"stages": ...}, "stages"),
        ({"stages": 3}, "stages"),
        ({"stages": [{"name": "mlp"}]}, "model"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(copied: Path, change: dict, said: str) -> None:
    change_metadata(copied, change)
    message = refusal(copied)
    assert said in message
    assert METADATA in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"type": "transformer"}}, "unknown model config 'transformer'"),
        ({"model": {"layer_sizes": [784, 10]}}, "unknown model config None"),
        ({"model": "mlp"}, "expected the fields of a ModelConfig"),
        ({"scaling": "log"}, "unknown scaling 'log': known are symmetric, unit, z-score"),
        ({"model": mlp(activations=["exp"])}, "'exp'"),
        ({"model": mlp(layer_sizes=[784])}, "layer_sizes"),
        ({"model": mlp(layer_sizes=[5, 10])}, "images"),
        (
            {"model": mlp(layer_sizes=[784, 4, 10])},
            "mlp.parameters.2.W is unknown, mlp.parameters.2.b is unknown, "
            "mlp.parameters.1.W is float32[4, 5], not float32[4, 10]",
        ),
        (
            {"model": mlp(layer_sizes=[784, 4, 5, 10, 10])},
            "mlp.parameters.3.W is missing, mlp.parameters.3.b is missing",
        ),
        ({"scaling": "unit"}, "mlp.statistics.mean is unknown"),
        ({"name": "other"}, "other.parameters.0.W is missing"),
        ({"name": "../mlp"}, "stages must be one or more, with different names"),
        ({"name": ""}, "stages must be one or more, with different names"),
        ({"features_of": "ab" * 32}, "trained on the features of other stages"),
        ({"stranger": 1}, "stranger"),
    ],
)
def test_a_stage_that_does_not_fit_is_refused(copied: Path, change: dict, said: str) -> None:
    change_stage(copied, **change)
    message = refusal(copied)
    assert said in message
    assert METADATA in message


def test_metadata_that_is_no_object_or_no_json_is_refused(copied: Path) -> None:
    for text in ("[1]", "3", "{", ""):
        (copied / METADATA).write_text(text)
        seal(copied)
        assert METADATA in refusal(copied)


def uses_a_database(tree: dict) -> None:
    tree["use_ocdbt"] = True


def uses_zarr_3(tree: dict) -> None:
    tree["use_zarr3"] = True


def renames_an_array(tree: dict) -> None:
    entry = next(iter(tree["tree_metadata"].values()))
    entry["key_metadata"][0]["key"] = "../outside"


def nests_an_array(tree: dict) -> None:
    entry = next(iter(tree["tree_metadata"].values()))
    entry["key_metadata"].append({"key": "a", "key_type": 2})


def omits_an_array(tree: dict) -> None:
    tree["tree_metadata"].popitem()


def lists_nothing(tree: dict) -> None:
    tree.clear()


@pytest.mark.parametrize(
    "change",
    [
        uses_a_database,
        uses_zarr_3,
        renames_an_array,
        nests_an_array,
        omits_an_array,
        lists_nothing,
    ],
)
def test_another_list_of_arrays_for_orbax_is_refused(
    copied: Path, change: Callable[[dict], None]
) -> None:
    tree = json.loads((copied / TREE).read_text())
    change(tree)
    (copied / TREE).write_text(json.dumps(tree))
    seal(copied)
    assert f"{copied / TREE}: doesn't list the arrays" in refusal(copied)
