import itertools
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models.base import scratch_mlp
from fmnist_jax.runs.run import Trained, train_model
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.checkpointing import SHARE, Snapshots, packed, restored, unpacked
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import EpochRecord, FitState, fit
from fmnist_jax.training.optimizers import OPTIMIZERS
from fmnist_jax.training.step import DeviceSplit

MODEL = scratch_mlp(MLPConfig((16, 12, 10), dropout=0.2))
CONFIG = TrainingConfig(epochs=6, batch_size=16, learning_rate=0.05, patience=None)


def made(count: int, seed: int) -> DeviceSplit:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 4, 4), np.uint8)
    return DeviceSplit(jnp.asarray(images), jnp.asarray(rng.integers(0, 10, count, np.int32)))


TRAIN, VALIDATION = made(100, 1), made(50, 2)


def after(epochs: int, config: TrainingConfig = CONFIG) -> tuple[FitState, list[EpochRecord]]:
    fitting = fit(MODEL, config, TRAIN, VALIDATION, UNIT, {})
    steps = list(itertools.islice(fitting, epochs))
    return steps[-1][0], [record for _, record in steps]


def same_bits(one, other) -> bool:
    return all(
        np.asarray(a).tobytes() == np.asarray(b).tobytes()
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


@pytest.fixture(scope="module")
def three() -> tuple[FitState, list[EpochRecord]]:
    return after(3)


# optax's Adam doesn't work under strict dtype promotion: `test_kill_mlp.py` goes on with it.
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_state_comes_back_to_the_bit(optimizer: str, tmp_path: Path):
    config = replace(CONFIG, optimizer=OPTIMIZERS[optimizer])
    state, history = after(2, config)
    snapshot = unpacked(packed(state, history, 1.5, "key"), "key")
    assert snapshot.history == tuple(history)
    assert snapshot.seconds == 1.5
    back = restored(snapshot, MODEL, config, 7, tmp_path)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    assert same_bits(back, state)


def test_every_damage_is_seen(three: tuple[FitState, list[EpochRecord]]):
    data = packed(*three, 1.0, "key")
    rng = np.random.default_rng(0)
    for _ in range(200):
        at = int(rng.integers(len(data)))
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(rng.integers(8))
        for damaged in (bytes(flipped), data[:at], data[:at] + data[at + 1 :], data + b"x"):
            with pytest.raises(ValueError, match="altered or cut short"):
                unpacked(damaged, "key")


def test_a_snapshot_of_another_run_is_not_used(three: tuple[FitState, list[EpochRecord]]):
    with pytest.raises(ValueError, match="a snapshot of another run"):
        unpacked(packed(*three, 1.0, "key"), "another key")


def test_a_snapshot_of_another_network_is_told(
    three: tuple[FitState, list[EpochRecord]], tmp_path: Path
):
    snapshot = unpacked(packed(*three, 1.0, "key"), "key")
    wider = scratch_mlp(MLPConfig((16, 13, 10)))
    with pytest.raises(UserError, match="aren't those of this network"):
        restored(snapshot, wider, CONFIG, 7, tmp_path)


def test_the_newest_whole_one_counts_and_the_other_file_is_written_next(tmp_path: Path):
    kept = Snapshots(tmp_path / "state", "key")
    assert kept.newest is None
    states = [after(epochs) for epochs in (1, 2, 3)]
    for state, history in states:
        kept.save(state, history, 0.0)
    lines: list[str] = []
    again = Snapshots(tmp_path / "state", "key", lines.append)
    assert again.newest is not None
    assert len(again.newest.history) == 3
    assert not lines
    # The third took the first one's file; the next one takes the second's.
    first, second = again.files
    third = first.read_bytes()
    again.save(*states[0], 0.0)
    assert first.read_bytes() == third
    # Damaged, the newest is passed over and overwritten.
    first.write_bytes(third[:-7])
    again = Snapshots(tmp_path / "state", "key", lines.append)
    assert again.newest is not None
    assert len(again.newest.history) == 1
    assert lines == [f"{first}: altered or cut short (SHA-256); it is passed over"]
    before = second.read_bytes()
    again.save(*states[1], 0.0)
    assert second.read_bytes() == before
    first.write_bytes(b"")
    second.write_bytes(b"")
    assert Snapshots(tmp_path / "state", "key").newest is None


def test_saving_takes_a_small_share_of_the_time(
    three: tuple[FitState, list[EpochRecord]], tmp_path: Path
):
    kept = Snapshots(tmp_path / "state", "key")
    kept.after(*three, 1.0, last=False)
    assert kept.files[0].exists()  # the first one always is
    kept.spent = 1.1 * SHARE
    kept.after(*three, 1.0, last=False)
    assert not kept.files[1].exists()
    kept.after(*three, 1.0, last=True)
    assert kept.files[1].exists()


class StopError(Exception):
    pass


def test_asked_to_stop_it_saves_first(three: tuple[FitState, list[EpochRecord]], tmp_path: Path):
    kept = Snapshots(tmp_path / "state", "key", asked=StopError)
    kept.spent = 100.0
    with pytest.raises(StopError):
        kept.after(*three, 1.0, last=False)
    assert kept.files[0].exists()
    with pytest.raises(StopError):
        kept.check()


def trained(snapshots: Snapshots | None) -> Trained:
    return train_model(MODEL, CONFIG, TRAIN, VALIDATION, UNIT, snapshots=snapshots)


def test_cut_short_after_every_epoch_training_ends_the_same(tmp_path: Path):
    alone = trained(None)
    seen: list[int] = []
    while True:
        asked = iter([None, StopError()])  # not before the epoch, but after it
        kept = Snapshots(tmp_path / "state", "key", asked=lambda asked=asked: next(asked))
        try:
            done = trained(kept)
            break
        except StopError:
            seen.append(len(Snapshots(tmp_path / "state", "key").newest.history))  # pyright: ignore
            if len(seen) == CONFIG.epochs:
                done = trained(Snapshots(tmp_path / "state", "key"))
                break
    assert seen == [1, 2, 3, 4, 5, 6]
    assert done.history == alone.history
    assert done.best_epoch == alone.best_epoch
    assert same_bits(done.parameters, alone.parameters)


def test_what_was_trained_to_its_end_is_not_trained_again(tmp_path: Path):
    done = trained(Snapshots(tmp_path / "state", "key"))
    newest = Snapshots(tmp_path / "state", "key").newest
    again = train_model(
        MODEL,
        CONFIG,
        TRAIN,
        VALIDATION,
        UNIT,
        lambda state, record: pytest.fail("an epoch was trained"),
        Snapshots(tmp_path / "state", "key"),
    )
    assert again.history == done.history
    assert same_bits(again.parameters, done.parameters)
    assert newest is not None
    assert again.seconds > newest.seconds > 0
