"""A stranger's checkpoint whose JSON is drawn, its manifest made to fit: it is a model or is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import attrs
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint
from fmnist_jax.checkpoint.format import zarr_header
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import logits
from tests.checkpoints import CONFIG, TREE, change_header, metadata, seal, write_metadata

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["relu", "mlp", "convnet", "np.ndarray", "unit", "identity", "none", "max", 784, 10]
    ),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=3)
    ),
    max_leaves=6,
)

PLACES = (
    ("format_version",),
    ("stages",),
    ("stages", 0),
    ("stages", 0, "name"),
    ("stages", 0, "model"),
    ("stages", 0, "model", "type"),
    *(("stages", 0, "model", field.name) for field in attrs.fields(type(CONFIG))),
    ("stages", 0, "model", "layer_sizes", 1),
    ("stages", 0, "model", "blocks"),
    ("stages", 0, "scaling"),
    ("stages", 0, "features_of"),
    ("stages", 0, "stranger"),
    ("class_names",),
    ("class_names", 3),
    ("metrics",),
    ("run",),
    ("data_checksum",),
    ("versions",),
    ("versions", "jax"),
    ("stranger",),
)


@hypothesis.settings(max_examples=120, deadline=None, derandomize=True, database=None)
@hypothesis.given(place=st.sampled_from(PLACES), junk=JUNK)
def test_drawn_metadata_is_a_model_or_refused(
    original: Path, tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], junk: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original, path)
    values = metadata(path)
    change(values, place, junk)
    write_metadata(path, values)
    check(path)


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)
@hypothesis.given(field=st.sampled_from([*zarr_header(np.zeros(0)), "stranger"]), junk=JUNK)
def test_drawn_headers_of_arrays_are_a_model_or_refused(
    original: Path, tmp_path_factory: pytest.TempPathFactory, field: str, junk: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn-header"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original, path)
    change_header(path, **{field: junk})
    seal(path)
    check(path)


TREE_PLACES = (
    *((name,) for name in ("tree_metadata", "use_ocdbt", "use_zarr3", "custom_metadata")),
    ("store_array_data_equal_to_fill_value",),
    ("stranger",),
    ("tree_metadata", "('mlp.parameters.0.W',)"),
    *(
        ("tree_metadata", "('mlp.parameters.0.W',)", *place)
        for place in (
            ("key_metadata",),
            ("key_metadata", 0),
            ("key_metadata", 0, "key"),
            ("key_metadata", 0, "key_type"),
            ("value_metadata",),
            ("value_metadata", "value_type"),
            ("value_metadata", "skip_deserialize"),
            ("stranger",),
        )
    ),
)


@hypothesis.settings(max_examples=80, deadline=None, derandomize=True, database=None)
@hypothesis.given(place=st.sampled_from(TREE_PLACES), junk=JUNK)
def test_drawn_lists_of_arrays_are_a_model_or_refused(
    original: Path, tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], junk: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn-list"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original, path)
    values = json.loads((path / TREE).read_text())
    change(values, place, junk)
    (path / TREE).write_text(json.dumps(values))
    seal(path)
    check(path)


def change(values: Any, place: tuple[Any, ...], junk: Any) -> None:
    for step in place[:-1]:
        values = values[step]
    values[place[-1]] = junk


def check(path: Path) -> None:
    found = refused = None
    try:
        found = restore_checkpoint(path)
    except UserError as error:
        refused = str(error)
    if refused is not None:
        assert refused.isprintable()
        return
    assert isinstance(found, Checkpoint)
    images = np.zeros((2, 28, 28), np.uint8)
    assert logits(found.stages, images).shape == (2, len(found.class_names))
