import json
from pathlib import Path

import pytest

from experiments.benchmarks import results
from experiments.benchmarks.results import RESULTS, read, store_row, to_json

ROWS = {"b": {"cores": 2}, "a": {"cores": 2, "candidates": {"ours": {"seconds": [1.0, 2.0]}}}}


def test_json_has_a_line_a_row() -> None:
    stored = {"jax 0.12": ROWS, "jax 0.10": {}}
    text = to_json(stored)
    assert json.loads(text) == stored
    assert text.splitlines()[2] == '"b": {"cores": 2},'


def test_rows_are_stored_in_order_and_the_newest_jax_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "made.json"
    assert read(path) == {}
    for jax, name in (("0.9.1", "a"), ("0.10.0", "b"), ("0.10.0", "a")):
        monkeypatch.setattr(results, "version", lambda package, jax=jax: jax)
        rows = store_row(path, name, ROWS[name], ["a", "b"])
    assert list(rows.items()) == [("a", ROWS["a"]), ("b", ROWS["b"])]
    assert read(path) == {"jax 0.10.0": rows, "jax 0.9.1": {"a": ROWS["a"]}}
    assert list(read(path)) == ["jax 0.10.0", "jax 0.9.1"]


@pytest.mark.parametrize("name", ["mlp", "convnets"])
def test_what_is_stored_has_this_format(name: str) -> None:
    path = RESULTS / f"{name}.json"
    assert path.read_text("utf-8") == to_json(read(path))
