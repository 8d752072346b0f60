import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.storage import manifest
from fmnist_jax.storage.manifest import (
    MAX_DEPTH,
    current_directory,
    is_sealed,
    parse_json,
    read_verified,
    sealed_directory,
    verify,
)

LARGEST = 1 << 20


def write(path: Path, text: str) -> None:
    with sealed_directory(path) as directory:
        (directory / "folder").mkdir(parents=True)
        (directory / "folder" / "file").write_text(text)


def read(path: Path) -> str:
    verify(current_directory(path), LARGEST)
    return (current_directory(path) / "folder" / "file").read_text()


def test_a_directory_is_sealed_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory"
    write(path, "old")
    assert is_sealed(path)
    assert list(json.loads((path / "manifest.json").read_text())["sha256"]) == ["folder/file"]
    write(path, "new")
    assert read(path) == "new"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_old_directory(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    write(path, "old")

    def write_half() -> None:
        with sealed_directory(path) as directory:
            directory.mkdir()
            (directory / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert read(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    link, path = tmp_path / "link", tmp_path / "disk" / "directory"
    write(path, "old")
    link.symlink_to(path)
    write(link, "new")
    assert link.is_symlink()
    assert read(link) == read(path) == "new"
    path.rename(path.with_name(".directory.previous"))
    assert read(link) == "new"


@pytest.mark.parametrize("failing", [1, 2])
def test_an_error_while_renaming_leaves_the_old_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    path = tmp_path / "directory"
    write(path, "old")
    rename, calls = Path.rename, []

    def fail(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(UserError, match="No space left on device"):
        write(path, "new")
    assert len(calls) >= failing
    assert read(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


class Killed:
    """Lets `steps` calls happen and swallows all later ones, as if the process had gone."""

    def __init__(self, steps: int) -> None:
        self.steps, self.calls = steps, 0

    def __call__(self, function: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            return function(*arguments, **options) if self.calls <= self.steps else None

        return call


def test_a_process_killed_at_any_step_leaves_a_whole_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for steps in range(100):
        path = tmp_path / str(steps) / "directory"
        write(path, "old")
        killed = Killed(steps)
        with monkeypatch.context() as patch:
            patch.setattr(manifest.shutil, "rmtree", killed(shutil.rmtree))
            patch.setattr(manifest, "seal", killed(manifest.seal))
            patch.setattr(Path, "rename", killed(Path.rename))
            write(path, "new")
        found.append(read(path))
        write(path, "next")
        assert read(path) == "next"
        assert list(path.parent.iterdir()) == [path]
        if killed.calls <= steps:
            break
    assert len(found) > 5
    assert found == sorted(found, reverse=True)  # old, then, from one step on, new
    assert set(found) == {"old", "new"}


def test_what_may_not_be_read_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "directory"
    write(path, "old")

    def forbidden(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", forbidden)
        with pytest.raises(
            UserError, match=r"^\S+/manifest.json: can't be read \(Permission denied"
        ):
            write(path, "new")
    assert read(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_but_a_sealed_directory_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "photographs"
    path.mkdir()
    (path / "manifest.json").write_text('{"name": "an app"}')
    (tmp_path / "file").write_text("text")
    for there in (path, tmp_path / "file"):
        with pytest.raises(UserError, match="may be replaced"):
            write(there, "new")
    assert (path / "manifest.json").read_text() == '{"name": "an app"}'
    with pytest.raises(UserError, match="can't be written"):
        write(tmp_path / "file" / "below", "new")


def test_what_is_read_has_the_checksum_though_it_was_altered_since_verified(tmp_path: Path) -> None:
    write(tmp_path / "directory", "good")
    checksums = verify(tmp_path / "directory", LARGEST)
    assert read_verified(tmp_path / "directory", "folder/file", checksums, 4) == b"good"
    with pytest.raises(UserError, match="folder/file: holds more than 3 bytes"):
        read_verified(tmp_path / "directory", "folder/file", checksums, 3)
    with pytest.raises(UserError, match="folder/other: missing"):
        read_verified(tmp_path / "directory", "folder/other", checksums, 4)
    (tmp_path / "directory" / "folder" / "file").write_text("evil")
    with pytest.raises(UserError, match="folder/file: changed"):
        read_verified(tmp_path / "directory", "folder/file", checksums, 4)


def test_a_directory_that_would_take_long_to_read_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "directory"
    write(path, "text")
    with (path / "folder" / "sparse").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(
        UserError, match=r"holds 8796093022[0-9]* bytes, more than the maximum of 1048576"
    ):
        verify(path, LARGEST)
    (path / "folder" / "sparse").unlink()
    deep = path.joinpath(*"d" * MAX_DEPTH)
    deep.mkdir(parents=True)
    with pytest.raises(UserError, match="too deeply nested"):
        verify(path, LARGEST)
    shutil.rmtree(path / "d")
    monkeypatch.setattr(manifest, "MAX_FILES", 1)
    with pytest.raises(UserError, match="holds more than 1 files"):
        verify(path, LARGEST)


def test_a_pipe_in_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    write(path, "text")
    (path / "manifest.json").unlink()
    os.mkfifo(path / "manifest.json")
    assert not is_sealed(path)
    with pytest.raises(UserError, match="neither a file nor a folder"):
        verify(path, LARGEST)


def test_names_that_cannot_be_printed_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    write(path, "text")
    (path / "a\n\x1b[2Jb").touch()
    with pytest.raises(
        UserError, match=r"^[^\n\x1b]*a\\n\\x1b\[2Jb: not in the directory's manifest"
    ):
        verify(path, LARGEST)


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[" * 100_000, "1" * 5000, "{", "", "\xff"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^file: can't be read as JSON") as caught:
        parse_json(text.encode("latin-1"), Path("file"))
    assert "\n" not in str(caught.value)
