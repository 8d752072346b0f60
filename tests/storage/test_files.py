import json
from pathlib import Path

import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import write_bytes, write_json, writing


def test_json_is_written_whole_and_nothing_is_left_beside(tmp_path: Path):
    write_json(tmp_path / "a.json", {"x": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_bytes_take_an_old_files_place(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"old")
    write_bytes(tmp_path / "a", memoryview(b"new"))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_write_cut_short_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
):
    (tmp_path / "a").write_bytes(b"old")

    def fail(*_: object):
        raise error

    monkeypatch.setattr(failing, fail)
    with pytest.raises(type(error)):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert (tmp_path / "a.json").read_text() == "1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_the_systems_refusals_name_the_file_and_the_remedy(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"file/below.json.*check folder, permissions and space"),
        writing(tmp_path / "file/below.json"),
    ):
        write_json(tmp_path / "file/below.json", 1)
