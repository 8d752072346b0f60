import json
from pathlib import Path

import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.files import write_json, writing


def test_json_is_written_whole_and_nothing_is_left_beside(tmp_path: Path):
    write_json(tmp_path / "a.json", {"x": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert (tmp_path / "a.json").read_text() == "1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_the_systems_refusals_name_the_file_and_the_remedy(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"file/below.json.*check the folder"),
        writing(tmp_path / "file/below.json"),
    ):
        write_json(tmp_path / "file/below.json", 1)
