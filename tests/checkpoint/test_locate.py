"""Where a checkpoint is searched for, and errors for places that can't be read."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fmnist_jax.checkpoint import locate
from fmnist_jax.checkpoint.checkpoint import (
    find_checkpoint,
    restore_checkpoint,
    shipped_checkpoints,
)
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.errors import UserError
from fmnist_jax.storage.manifest import MANIFEST


@contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """Inside, nobody may read the path, and this process isn't root."""
    mode, root = path.stat().st_mode, os.geteuid() == 0
    path.chmod(0)
    try:
        if root:
            os.setresuid(65534, 65534, 0)
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
        path.chmod(mode)


@pytest.mark.parametrize("name", ["", "checkpoint", f"checkpoint/{MANIFEST}", "checkpoint/arrays"])
def test_what_may_not_be_read_is_named(original: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # pytest's own directories are closed to others
        run = Path(directory) / "run"
        shutil.copytree(original, run / "checkpoint")
        for find in (lambda: find_checkpoint(run), lambda: run / "checkpoint"):
            with forbidden(run / name), pytest.raises(UserError) as caught:
                restore_checkpoint(find())
            assert str(caught.value).startswith(f"{run / name}: can't be read (Permission denied)")


def test_find_takes_a_checkpoint_or_its_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_checkpoint(copied) == copied
    assert find_checkpoint(str(copied.parent)) == copied
    monkeypatch.chdir(copied.parent)
    assert find_checkpoint("checkpoint") == Path("checkpoint")
    assert find_checkpoint(".") == Path("checkpoint")


def test_find_takes_the_name_of_a_shipped_checkpoint(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "package" / "checkpoint" / "locate.py"
    monkeypatch.setattr(locate, "__file__", str(place))
    monkeypatch.chdir(tmp_path)
    clone = Path(shutil.copytree(original, tmp_path / "checkpoints" / "one"))
    wheel = Path(shutil.copytree(original, tmp_path / "package" / "checkpoints" / "two"))
    (tmp_path / "checkpoints" / "README.md").write_text("text")
    assert shipped_checkpoints() == {"one": clone, "two": wheel}
    assert find_checkpoint("one") == clone
    (tmp_path / "two").mkdir()  # a folder of that name that holds no checkpoint
    assert find_checkpoint("two") == wheel
    for name in ("three", tmp_path / "package", "x" * 5000, "a\0b"):
        with pytest.raises(UserError) as caught:
            find_checkpoint(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"^three: not found; .*: one, two$"):
        find_checkpoint("three")


def test_shipped_checkpoints_are_restored() -> None:
    """Written by earlier versions; they must stay readable."""
    shipped = shipped_checkpoints()
    assert "report1-mlp" in shipped
    for path in shipped.values():
        assert restore_checkpoint(path).class_names == CLASS_NAMES
