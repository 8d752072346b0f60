"""A stranger's checkpoint whose JSON is drawn, its manifest made to fit: it is a model or is refused."""

import shutil
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from fmnist_jax.checkpoint import arrays as checkpoint_arrays
from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint
from fmnist_jax.errors import UserError
from tests.checkpoints import CONFIG, change_header, metadata, seal, write_metadata

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["relu", "mlp", "cnn", "pipeline", "unit", "identity", "none", "max", 784, 10]
    ),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=3)
    ),
    max_leaves=6,
)

PLACES = (
    ("format_version",),
    ("model",),
    ("model", "kind"),
    ("model", "configuration"),
    *(("model", "configuration", name) for name in CONFIG.__dataclass_fields__),
    ("model", "configuration", "layer_sizes", 1),
    ("model", "configuration", "blocks"),
    ("model", "configuration", "network"),
    ("scaling",),
    ("class_names",),
    ("class_names", 3),
    ("metrics",),
    ("run",),
    ("data_checksum",),
    ("versions",),
    ("versions", "jax"),
    ("extractor",),
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
    inner = values
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = junk
    write_metadata(path, values)
    check(path)


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    field=st.sampled_from([*checkpoint_arrays._header(np.zeros(0)), "stranger"]), junk=JUNK
)
def test_drawn_headers_of_arrays_are_a_model_or_refused(
    original: Path, tmp_path_factory: pytest.TempPathFactory, field: str, junk: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn-header"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(original, path)
    change_header(path, **{field: junk})
    seal(path)
    check(path)


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
    logits = found.network.apply(found.parameters, found.scaling.apply(found.statistics, images))
    assert logits.shape == (2, len(found.class_names))
