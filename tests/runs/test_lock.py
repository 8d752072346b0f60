import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fmnist_jax.runs.run import NAMES, MLPRun

from fmnist_jax.config.codec import encode
from fmnist_jax.errors import UserError
from fmnist_jax.runs.directory import opened
from fmnist_jax.runs.lock import CONFIGURATION, HeldError, Origin, Stage, claimed, held
from fmnist_jax.training.checkpointing import ignore
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord

RUN = MLPRun()
OTHER = MLPRun(training=TrainingConfig(learning_rate=0.5))
ORIGIN = Origin("of the images")
RECORD = EpochRecord(1, 0.5, 0.8, 0.6, 0.75, 0.001, 0)


def begin(directory: Path | None, run: MLPRun = RUN, origin: Origin = ORIGIN) -> Path:
    """A run with one epoch done."""
    with opened(directory, run, origin) as (path, write, *_):
        write(RECORD)
    return path


def finish(directory: Path) -> None:
    (directory / "result.json").write_text("{}")
    (directory / "checkpoint").mkdir()
    (directory / "checkpoint/manifest.json").write_text('{"sha256": {}}')


def listing(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_the_stages_of_a_run(tmp_path: Path):
    run = tmp_path / "run"
    with claimed(run, RUN, ORIGIN, ignore) as (path, stage):
        assert (path, stage) == (run, Stage.NEW)
    begin(run)
    with claimed(run, RUN, ORIGIN, ignore) as (_, stage):
        assert stage is Stage.BEGUN
    finish(run)
    before = listing(run)
    (run / ".lock").unlink()
    with claimed(run, RUN, ORIGIN, ignore) as (_, stage):
        assert stage is Stage.FINISHED
    assert listing(run) == before
    assert not (run / ".lock").exists()


def test_figures_without_a_checkpoint_are_not_the_end(tmp_path: Path):
    begin(tmp_path / "run")
    (tmp_path / "run/result.json").write_text("{}")
    with claimed(tmp_path / "run", RUN, ORIGIN, ignore) as (_, stage):
        assert stage is Stage.BEGUN


@pytest.mark.parametrize(
    ("run", "origin", "told"),
    [
        (OTHER, ORIGIN, r"its run has training.learning_rate 0.001, not 0.5; name a new directory"),
        (RUN, Origin("of others"), "its run is of other images"),
        (RUN, Origin("of the images", "a network"), "its run is of another --extractor"),
    ],
)
def test_another_run_is_left_alone(tmp_path: Path, run: MLPRun, origin: Origin, told: str):
    begin(tmp_path / "run")
    before = listing(tmp_path)
    with pytest.raises(UserError, match=told), claimed(tmp_path / "run", run, origin, ignore):
        pass
    assert listing(tmp_path) == before


def test_a_second_process_is_told_and_touches_nothing(tmp_path: Path):
    begin(tmp_path / "run")
    (
        tmp_path / "run/.metrics.jsonl.0123456789abcdef"
    ).touch()  # half-written, perhaps, by the first
    before = listing(tmp_path)
    with (
        held(tmp_path / "run"),
        pytest.raises(HeldError, match="another process is at this run"),
        opened(tmp_path / "run", RUN, ORIGIN),
    ):
        pass
    assert listing(tmp_path) == before


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path):
    run = begin(tmp_path / "run")
    (run / ".metrics.jsonl.0123456789abcdef").touch()
    (run / "unfinished/.state_1.npz.0123456789abcdef").touch()
    (run / "pictures").mkdir()
    with claimed(run, RUN, ORIGIN, ignore):
        pass
    left = {path.relative_to(run).as_posix() for path in run.rglob("*")} - {".lock"}
    assert left == {"configuration.json", "origin.json", "metrics.jsonl", "unfinished"}


@pytest.mark.parametrize(
    "left",
    [(), (".lock",), (".lock", ".origin.json.0123456789abcdef"), (".lock", "origin.json")],
)
def test_a_directory_whose_process_was_killed_at_its_very_beginning_is_new(
    tmp_path: Path, left: tuple[str, ...]
):
    for name in left:
        (tmp_path / name).write_text("")
    with opened(tmp_path, RUN, ORIGIN) as (path, write, *_):
        write(RECORD)
    assert json.loads((path / "origin.json").read_text())["data_checksum"] == "of the images"


def test_another_version_of_jax_is_told(tmp_path: Path):
    begin(tmp_path / "run", origin=replace(ORIGIN, jax="0.1"))
    lines: list[str] = []
    with claimed(tmp_path / "run", RUN, ORIGIN, lines.append) as (_, stage):
        assert stage is Stage.BEGUN
    assert lines == [f"Begun with JAX 0.1, goes on with {ORIGIN.jax}: last digits may differ"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    monkeypatch.chdir(tmp_path)
    return lambda: {path.name for path in Path("runs").iterdir()}


def test_without_a_directory_the_newest_unfinished_run_like_it_goes_on(
    runs: Callable[[], set[str]],
):
    with ExitStack() as stack:  # at once, so that none goes on with another
        paths = [stack.enter_context(opened(None, RUN, ORIGIN)) for _ in range(3)]
        for _, write, *_ in paths:
            write(RECORD)
    oldest, middle, newest = (path for path, *_ in paths)
    for age, path in enumerate((newest, middle, oldest)):
        os.utime(path / "configuration.json", (1000 - age, 1000 - age))
    other = begin(None, OTHER)
    assert begin(None) == newest
    finish(newest)
    assert begin(None) == middle
    with held(middle):
        assert begin(None) == oldest
    assert begin(None, OTHER) == other
    assert len(runs()) == 4
    assert begin(None, origin=Origin("of others")).name not in {path.name for path, *_ in paths}
    assert len(runs()) == 5


def test_a_run_goes_on_that_was_begun_before_a_field_was_added(tmp_path: Path):
    run = begin(tmp_path / "run")
    stored = json.loads((run / CONFIGURATION).read_text())
    del stored["training"]["augmentation"]
    (run / CONFIGURATION).write_text(json.dumps(stored))
    with claimed(run, RUN, ORIGIN, ignore) as (_, stage):
        assert stage is Stage.BEGUN


def test_the_configuration_is_compared_as_it_is_stored(tmp_path: Path):
    begin(tmp_path / "run")
    stored = json.loads((tmp_path / "run/configuration.json").read_text())
    assert stored == json.loads(json.dumps(encode(RUN, NAMES)))
