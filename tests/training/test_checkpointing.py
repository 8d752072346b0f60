"""Training checkpoints: to the bit, never half, damage found."""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.storage.manifest import MANIFEST
from fmnist_jax.training.checkpointing import MAX_SAVE_TIME_FRACTION, TrainingCheckpoints
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, FitState, fit, make_task, start
from fmnist_jax.training.optimizers import OPTIMIZERS
from fmnist_jax.training.step import DeviceSplit, TrainingData, put_on_device

MODEL = MLPConfig((16, 12, 10), dropout=0.2)
CONFIG = TrainingConfig(epochs=6, batch_size=16, learning_rate=0.05, patience=None)

History = list[EpochRecord]


def made(count: int, seed: int) -> DeviceSplit:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 4, 4), np.uint8)
    return put_on_device(images, rng.integers(0, 10, count, np.int32), 10)


DATA = TrainingData(made(100, 1), made(50, 2), {})


def task_of(config: TrainingConfig = CONFIG, model: MLPConfig = MODEL):
    return make_task(model.build(), UNIT, config, len(DATA.train.labels))


def states(config: TrainingConfig = CONFIG, start_from: FitState | None = None):
    """The state and the history after each epoch."""
    history: History = []
    for state, record in fit(task_of(config), config, DATA, start_from):
        history = [*history, record]
        yield state, history


def after(epochs: int, config: TrainingConfig = CONFIG) -> tuple[FitState, History]:
    return next(itertools.islice(states(config), epochs - 1, None))


def shapes(config: TrainingConfig = CONFIG, model: MLPConfig = MODEL) -> FitState:
    return jax.eval_shape(lambda: start(task_of(config, model), config))


def same_bits(one, other) -> bool:
    return all(
        np.asarray(a).tobytes() == np.asarray(b).tobytes()
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def epochs_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(scope="module")
def three() -> list[tuple[FitState, History]]:
    """After one, two and three epochs."""
    return list(itertools.islice(states(), 3))


@pytest.fixture(scope="module")
def saved_once(
    three: list[tuple[FitState, History]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Checkpoints of the second and the third epoch, to be left as they are."""
    directory = tmp_path_factory.mktemp("saved") / "state"
    kept = TrainingCheckpoints(directory, "key")
    for state, history in three:
        kept.save(state, history, 1.5)
    return directory


@pytest.fixture
def saved(saved_once: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    return Path(shutil.copytree(saved_once, tmp_path / "state"))


def found(directory: Path, key: str = "key") -> tuple[int, list[str]]:
    """The epoch of the newest valid checkpoint, 0 without one, and what is logged."""
    lines: list[str] = []
    newest = TrainingCheckpoints(directory, key, lines.append).newest
    return 0 if newest is None else len(newest.history), lines


# optax's Adam doesn't work under strict dtype promotion: `test_kill_mlp.py` resumes with it.
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_state_comes_back_to_the_bit(optimizer: str, tmp_path: Path):
    config = evolve(CONFIG, optimizer=OPTIMIZERS[optimizer])
    state, history = after(2, config)
    TrainingCheckpoints(tmp_path / "state", "key").save(state, history, 1.5)
    kept = TrainingCheckpoints(tmp_path / "state", "key")
    assert kept.newest is not None
    assert kept.newest.history == tuple(history)
    assert kept.newest.seconds == 1.5
    back = kept.restore(shapes(config))
    assert jax.tree.structure(back) == jax.tree.structure(state)
    assert same_bits(back, state)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves((back.train, back.best)))


def test_nothing_is_there_before_the_first_epoch(tmp_path: Path):
    kept = TrainingCheckpoints(tmp_path / "state", "key")
    assert kept.newest is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="no checkpoint"):
        kept.restore(shapes())


def test_every_damage_is_seen_and_the_file_named(saved: Path):
    rng = np.random.default_rng(0)
    assert found(saved) == (3, [])
    files = sorted(file for file in (saved / "3").rglob("*") if file.is_file())
    assert len(files) >= 5
    for file in files:
        data = file.read_bytes()
        at = int(rng.integers(len(data) - 1)) if len(data) > 1 else 0
        flipped = bytearray(data)
        if data:
            flipped[at] ^= 1 << int(rng.integers(8))
        for damaged in {bytes(flipped), data[:at], data[:at] + data[at + 1 :], data + b"x"}:
            if damaged == data:
                continue
            file.write_bytes(damaged)
            epoch, lines = found(saved)
            if file.name == MANIFEST and epoch == 3:
                assert damaged.split() == data.split()  # only white space differs
                continue
            assert epoch == 2
            assert len(lines) == 1
            # A damaged manifest may as well accuse another file.
            assert str(saved / "3") in lines[0]
            assert str(file) in lines[0] or file.name == MANIFEST
        file.unlink()
        assert found(saved)[0] == 2
        file.write_bytes(data)
    assert found(saved) == (3, [])


def test_a_checkpoint_of_another_run_is_ignored(saved: Path):
    epoch, lines = found(saved, "another key")
    assert epoch == 0
    assert [line.endswith("of another run") for line in lines] == [True, True]


def test_a_checkpoint_of_another_network_is_reported(saved: Path):
    wider = shapes(model=MLPConfig((16, 13, 10)))
    with pytest.raises(UserError, match="aren't those of this network and optimizer"):
        TrainingCheckpoints(saved, "key").restore(wider)
    adam = shapes(evolve(CONFIG, optimizer=OPTIMIZERS["momentum"]))
    with pytest.raises(UserError, match="aren't those of this network and optimizer"):
        TrainingCheckpoints(saved, "key").restore(adam)


def test_the_two_newest_are_kept(saved: Path, three: list[tuple[FitState, History]]):
    assert epochs_in(saved) == ["2", "3"]
    # Damaged, the newest is ignored and, once the next one is saved, gone.
    state = next((saved / "3" / "state").rglob("manifest.ocdbt"))
    state.write_bytes(state.read_bytes()[:-7])
    lines: list[str] = []
    kept = TrainingCheckpoints(saved, "key", lines.append)
    assert kept.newest is not None
    assert len(kept.newest.history) == 2
    assert lines == [
        f"training checkpoint ignored: {state}: changed or truncated (SHA-256); copy it again from "
        "where it came, or create it again"
    ]
    kept.save(*three[2], 1.5)
    assert found(saved) == (3, [])
    assert epochs_in(saved) == ["2", "3"]
    for epoch in ("2", "3"):
        (saved / epoch / MANIFEST).write_bytes(b"")
    assert found(saved)[0] == 0


def leftover_directory(saved: Path) -> None:
    (saved / "4").mkdir()


def leftover_checkpoint(saved: Path) -> None:
    shutil.copytree(saved / "3", saved / "4")
    (saved / "4" / MANIFEST).unlink()


def leftover_half(saved: Path) -> None:
    shutil.copytree(saved / "3", saved / "4")
    shutil.rmtree(saved / "4" / "state")


def leftover_temporary(saved: Path) -> None:
    shutil.copytree(saved / "3", saved / "4.orbax-checkpoint-tmp")


def half_removed(saved: Path) -> None:
    shutil.rmtree(saved / "2" / "state")


@pytest.mark.parametrize(
    "interrupt",
    [
        leftover_directory,
        leftover_checkpoint,
        leftover_half,
        leftover_temporary,
        half_removed,
    ],
)
def test_what_a_killed_process_leaves_is_tolerated(saved: Path, interrupt: Callable[[Path], None]):
    interrupt(saved)
    assert found(saved)[0] == 3
    kept = TrainingCheckpoints(saved, "key")
    for state, history in itertools.islice(states(start_from=kept.restore(shapes())), 2):
        kept.save(state, [*kept.newest.history, *history], 2.0)  # pyright: ignore
    assert epochs_in(saved) == ["4", "5"]
    assert found(saved) == (5, [])


def test_resumed_from_a_checkpoint_training_ends_the_same(saved: Path):
    expected, _ = after(6)
    resumed = TrainingCheckpoints(saved, "key").restore(shapes())
    *_, (state, history) = states(start_from=resumed)
    assert len(history) == 3
    assert same_bits(state, expected)


def test_saving_takes_a_small_fraction_of_the_time(
    three: list[tuple[FitState, History]], tmp_path: Path
):
    kept = TrainingCheckpoints(tmp_path / "state", "key")
    first, second, third = three
    kept.after_epoch(*first, 1e-9, last=False)
    assert epochs_in(kept.directory) == ["1"]  # the first one is always saved
    kept.after_epoch(*second, 1e-9, last=False)
    assert epochs_in(kept.directory) == ["1"]
    kept.after_epoch(*second, 1e9 / MAX_SAVE_TIME_FRACTION, last=False)
    assert epochs_in(kept.directory) == ["1", "2"]
    kept.after_epoch(*third, 1e-9, last=True)
    assert epochs_in(kept.directory) == ["2", "3"]


class StopError(Exception):
    pass


def test_a_requested_stop_saves_first(three: list[tuple[FitState, History]], tmp_path: Path):
    requests = iter([None, StopError(), StopError()])
    kept = TrainingCheckpoints(tmp_path / "state", "key", stop_requested=lambda: next(requests))
    kept.after_epoch(*three[0], 1e-9, last=False)
    with pytest.raises(StopError):
        kept.after_epoch(*three[1], 1e-9, last=False)
    assert epochs_in(kept.directory) == ["1", "2"]
    with pytest.raises(StopError):
        kept.check()
    assert found(kept.directory) == (2, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: give the tests a user")
def test_a_directory_that_may_not_be_written_is_named(
    three: list[tuple[FitState, History]], tmp_path: Path
):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(UserError, match=f"{tmp_path}/state: can't be written"):
            TrainingCheckpoints(tmp_path / "state", "key").save(*three[0], 1.0)
    finally:
        tmp_path.chmod(0o755)
