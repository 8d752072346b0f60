import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import evolve

from fmnist_jax.config.codec import encode
from fmnist_jax.errors import UserError
from fmnist_jax.runs.config import NAMES, Run
from fmnist_jax.runs.directory import Output, open_run
from fmnist_jax.runs.lock import (
    CONFIGURATION,
    Origin,
    Progress,
    RunLockedError,
    acquire,
    lock,
)
from tests.runs.small import ORIGIN, RECORD, RUN, TWO_STAGES

OTHER = RUN.with_training(learning_rate=0.5)


def ignore(line: str) -> None:
    """Log nothing."""


def begin(directory: Path | None, run: Run = RUN, origin: Origin = ORIGIN) -> Path:
    """Start a run and do one epoch of each stage."""
    with open_run(run, origin, Output(directory, log=ignore)) as handle:
        for write in handle.write.values():
            write(RECORD)
    return handle.path


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


def test_the_progress_of_a_run(tmp_path: Path):
    run = tmp_path / "run"
    with acquire(run, encode(RUN, NAMES), ORIGIN, ignore) as located:
        assert located == (run, Progress.NEW)
    begin(run)
    with acquire(run, encode(RUN, NAMES), ORIGIN, ignore) as located:
        assert located == (run, Progress.STARTED)
    finish(run)
    before = listing(run)
    (run / ".lock").unlink()
    with acquire(run, encode(RUN, NAMES), ORIGIN, ignore) as located:
        assert located == (run, Progress.FINISHED)
    assert listing(run) == before
    assert not (run / ".lock").exists()


def test_a_result_without_a_checkpoint_is_not_the_end(tmp_path: Path):
    begin(tmp_path / "run")
    (tmp_path / "run/result.json").write_text("{}")
    with acquire(tmp_path / "run", encode(RUN, NAMES), ORIGIN, ignore) as located:
        assert located.progress is Progress.STARTED


@pytest.mark.parametrize(
    ("run", "origin", "message"),
    [
        (
            OTHER,
            ORIGIN,
            r"its run has stages\.0\.training\.learning_rate 0\.001, not 0\.5; name a new directory",
        ),
        (TWO_STAGES, ORIGIN, r"its run has stages \[.*\], not \[.*\]; name a new directory"),
        (RUN, Origin("of others"), "its run uses other images; name a new directory"),
        (
            RUN,
            Origin("of the images", "a network"),
            "its run uses another --extractor; name a new directory",
        ),
    ],
)
def test_another_run_is_left_unchanged(tmp_path: Path, run: Run, origin: Origin, message: str):
    begin(tmp_path / "run")
    before = listing(tmp_path)
    with (
        pytest.raises(UserError, match=message),
        acquire(tmp_path / "run", encode(run, NAMES), origin, ignore),
    ):
        pass
    assert listing(tmp_path) == before


def test_the_second_stage_is_compared_too(tmp_path: Path):
    begin(tmp_path / "run", TWO_STAGES)
    first, second = TWO_STAGES.stages
    changed = evolve(second, training=evolve(second.training, min_delta=0.5))
    other = evolve(TWO_STAGES, stages=(first, changed))
    with (
        pytest.raises(
            UserError, match=r"its run has stages\.1\.training\.min_delta 0\.0, not 0\.5"
        ),
        acquire(tmp_path / "run", encode(other, NAMES), ORIGIN, ignore),
    ):
        pass


def test_a_second_process_is_refused_and_changes_nothing(tmp_path: Path):
    begin(tmp_path / "run")
    # Perhaps half-written by the first process.
    (tmp_path / "run/.metrics_mlp.jsonl.0123456789abcdef").touch()
    before = listing(tmp_path)
    with (
        lock(tmp_path / "run"),
        pytest.raises(RunLockedError, match="another process works on this run; wait for it, or"),
        open_run(RUN, ORIGIN, Output(tmp_path / "run")),
    ):
        pass
    assert listing(tmp_path) == before


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path):
    run = begin(tmp_path / "run")
    (run / ".metrics_mlp.jsonl.0123456789abcdef").touch()
    (run / "unfinished/.state.0123456789abcdef").touch()
    (run / "pictures").mkdir()
    with acquire(run, encode(RUN, NAMES), ORIGIN, ignore):
        pass
    left = {path.relative_to(run).as_posix() for path in run.rglob("*")} - {".lock"}
    assert left == {"configuration.json", "origin.json", "metrics_mlp.jsonl", "unfinished"}


@pytest.mark.parametrize(
    "left",
    [(), (".lock",), (".lock", ".origin.json.0123456789abcdef"), (".lock", "origin.json")],
)
def test_a_directory_whose_process_was_killed_at_its_very_beginning_is_new(
    tmp_path: Path, left: tuple[str, ...]
):
    for name in left:
        (tmp_path / name).write_text("")
    path = begin(tmp_path)
    assert json.loads((path / "origin.json").read_text())["data_checksum"] == "of the images"


def test_another_version_of_jax_is_logged(tmp_path: Path):
    begin(tmp_path / "run", origin=evolve(ORIGIN, jax="0.1"))
    lines: list[str] = []
    with acquire(tmp_path / "run", encode(RUN, NAMES), ORIGIN, lines.append) as located:
        assert located.progress is Progress.STARTED
    assert lines == [f"Started with JAX 0.1, resumed with {ORIGIN.jax}: last digits may differ"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    monkeypatch.chdir(tmp_path)
    return lambda: {path.name for path in Path("runs").iterdir()}


def test_without_a_directory_the_newest_unfinished_run_like_it_is_resumed(
    runs: Callable[[], set[str]],
):
    with ExitStack() as stack:  # together, so that none resumes another
        handles = [stack.enter_context(open_run(RUN, ORIGIN, Output(log=ignore))) for _ in range(3)]
        for handle in handles:
            handle.write["mlp"](RECORD)
    oldest, middle, newest = (handle.path for handle in handles)
    for age, path in enumerate((newest, middle, oldest)):
        os.utime(path / CONFIGURATION, (1000 - age, 1000 - age))
    other = begin(None, OTHER)
    assert begin(None) == newest
    finish(newest)
    assert begin(None) == middle
    with lock(middle):
        assert begin(None) == oldest
    assert begin(None, OTHER) == other
    assert len(runs()) == 4
    assert begin(None, origin=Origin("of others")) not in {handle.path for handle in handles}
    assert len(runs()) == 5


def store(directory: Path, values: object) -> None:
    (directory / CONFIGURATION).write_text(json.dumps(values))


def test_a_run_that_was_started_before_a_field_was_added_is_resumed(tmp_path: Path):
    run = begin(tmp_path / "run")
    stored = json.loads((run / CONFIGURATION).read_text())
    del stored["stages"][0]["training"]["min_delta"]
    store(run, stored)
    with acquire(run, encode(RUN, NAMES), ORIGIN, ignore) as located:
        assert located.progress is Progress.STARTED


OLD = {"model": {"layer_sizes": [784, 10]}, "training": {"epochs": 3}, "scaling": "unit"}


def test_a_run_of_an_older_version_is_refused_with_the_remedy(tmp_path: Path):
    run = begin(tmp_path / "run")
    store(run, OLD)
    before = listing(run)
    with pytest.raises(UserError) as error, acquire(run, encode(RUN, NAMES), ORIGIN, ignore):
        pass
    assert str(error.value) == (
        f"{run / CONFIGURATION}: written by fmnist-jax 0.1, expected the field 'stages'; finish the run "
        "with that version, or name a new directory for this run"
    )
    assert listing(run) == before


def test_runs_of_older_versions_below_runs_are_left_unchanged(runs: Callable[[], set[str]]):
    old = begin(None)
    store(old, OLD)
    before = listing(old)
    assert begin(None) != old
    assert len(runs()) == 2
    assert listing(old) == before


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"stages": 5}', "{"])
def test_a_damaged_configuration_is_refused_in_one_line(tmp_path: Path, content: str):
    run = begin(tmp_path / "run")
    (run / CONFIGURATION).write_text(content)
    with (
        pytest.raises(UserError, match="run") as error,
        acquire(run, encode(RUN, NAMES), ORIGIN, ignore),
    ):
        pass
    assert "\n" not in str(error.value)


def test_the_configuration_is_compared_as_it_is_stored(tmp_path: Path):
    begin(tmp_path / "run")
    stored = json.loads((tmp_path / "run/configuration.json").read_text())
    assert stored == json.loads(json.dumps(encode(RUN, NAMES)))
