"""A disk that is full or read-only, and a directory that vanishes: one line, and nothing lost."""

import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fmnist_jax.cli import job
from fmnist_jax.cli.app import main
from fmnist_jax.runs import directory as run_directory
from fmnist_jax.runs import pictures
from fmnist_jax.training.checkpointing import MAX_SAVE_TIME_FRACTION, TrainingCheckpoints
from tests.blank_pictures import draw_blank

WORDS = "train mlp --source synthetic --layer-sizes 784 16 10 --epochs 4 --batch-size 64".split()


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow over `size` bytes, as a full disk would."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fmnist_jax.training.checkpointing.MAX_SAVE_TIME_FRACTION", float("inf")
    )  # every epoch is saved
    assert MAX_SAVE_TIME_FRACTION < 1


pytestmark = pytest.mark.usefixtures("few_pictures", "blank_pictures")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, few_pictures: None) -> dict[str, Any]:
    """What an undisturbed run leaves."""
    directory = tmp_path_factory.mktemp("alone") / "run"
    with pytest.MonkeyPatch.context() as patched:
        draw_blank(patched.setattr)
        assert main([*WORDS, "--run-dir", str(directory)]) == 0
    return left(directory)


def left(directory: Path) -> dict[str, Any]:
    result = json.loads((directory / "result.json").read_text())
    del result["stages"]["mlp"]["seconds"]
    return {
        "names": sorted(path.name for path in directory.iterdir()),
        "pictures": sorted(path.name for path in (directory / "pictures").iterdir()),
        "metrics": (directory / "metrics_mlp.jsonl").read_bytes(),
        "result": result,
    }


def at_call(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, call: int, around: Callable[[], Any]
) -> None:
    """From the `call`-th on, calls of a function are made inside `around`."""
    function, calls = getattr(where, name), iter(range(1, 1000))

    def wrapped(*words: Any, **named: Any) -> Any:
        if next(calls) < call:
            return function(*words, **named)
        with around():
            return function(*words, **named)

    monkeypatch.setattr(where, name, wrapped)


REFUSED = {
    "training checkpoint": (TrainingCheckpoints, "save", 3, 50_000, "unfinished/mlp"),
    "line": (os, "write", 3, 450, "metrics_mlp.jsonl"),
    "checkpoint": (run_directory, "save_checkpoint", 1, 3_000, "checkpoint"),
    "picture": (pictures, "write_pictures", 1, 50, "pictures/"),
    "result": (run_directory, "finish", 1, 1_000, "run"),
}
"""Function, call, bytes that a file may have, and what the error names."""


def one_line(capsys: pytest.CaptureFixture, directory: Path) -> str:
    error = str(capsys.readouterr().err)
    assert error.count("\n") == 1
    assert str(directory) in error
    return error


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_full_disk_refuses_is_reported_and_nothing_done_is_lost(
    what: str,
    alone: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    directory = tmp_path / "run"
    where, name, call, size, named = REFUSED[what]
    with monkeypatch.context() as patched:
        at_call(patched, where, name, call, lambda: files_up_to(size))
        assert main([*WORDS, "--run-dir", str(directory)]) == 2
    assert named in one_line(capsys, directory)
    assert not (directory / "result.json").exists()
    if what == "line":
        assert (
            directory / "metrics_mlp.jsonl"
        ).stat().st_size == 450  # half a line: the disk was full
    assert main([*WORDS, "--run-dir", str(directory)]) == 0
    out = str(capsys.readouterr().out)
    assert "Resumes after epoch" in out
    assert out.count("Epoch ") == (2 if what in ("training checkpoint", "line") else 0)
    assert left(directory) == alone


def test_a_directory_that_vanishes_is_reported_and_not_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    directory = tmp_path / "run"

    @contextmanager
    def vanished() -> Iterator[None]:
        shutil.rmtree(directory)
        yield

    at_call(monkeypatch, job, "log_line", 2, vanished)
    assert main([*WORDS, "--run-dir", str(directory)]) == 2
    assert "No such file or directory" in one_line(capsys, directory)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: give the tests a user")
def test_a_directory_that_becomes_read_only_is_reported(
    alone: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    directory = tmp_path / "run"

    @contextmanager
    def read_only() -> Iterator[None]:
        (directory / "unfinished" / "mlp").chmod(0o555)
        yield

    with monkeypatch.context() as patched:
        at_call(patched, job, "log_line", 2, read_only)
        assert main([*WORDS, "--run-dir", str(directory)]) == 2
    assert "Permission denied" in one_line(capsys, directory)
    (directory / "unfinished" / "mlp").chmod(0o755)
    assert main([*WORDS, "--run-dir", str(directory)]) == 0
    assert left(directory) == alone


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: give the tests a user")
def test_a_read_only_place_for_a_run_is_reported_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    tmp_path.chmod(0o555)
    try:
        assert main([*WORDS, "--run-dir", str(tmp_path / "run")]) == 2
    finally:
        tmp_path.chmod(0o755)
    assert "Permission denied" in one_line(capsys, tmp_path)
    assert "Epoch" not in str(capsys.readouterr().out)
