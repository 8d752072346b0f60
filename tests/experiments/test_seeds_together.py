"""A row's seeds trained at once are stored as those trained in turn are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import protocol
from experiments.protocol import Experiment, Options, Row, grouped, planned, run
from experiments.store import Store
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.errors import UserError
from fmnist_jax.networks.config import Block, ConvNetConfig
from fmnist_jax.networks.pooling import GLOBAL
from fmnist_jax.pipeline import PipelineRun
from fmnist_jax.pipeline_model import PipelineConfig
from fmnist_jax.runs import MLPRun
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

TRAINING = TrainingConfig(epochs=2, batch_size=100, learning_rate=0.01, patience=None)
SMALL = MLPRun(MLPConfig((784, 10)), TRAINING)
PAIR = PipelineRun(
    PipelineConfig(
        ConvNetConfig((Block(5, stride=4, pooling=GLOBAL),), hidden=()), MLPConfig((5, 10))
    ),
    TRAINING,
    TRAINING,
)
MLP = Experiment("mlp", "Made for a test", (Row("small", SMALL),), ("test_accuracy",))
PIPELINE = Experiment(
    "pipeline", "Made for a test", (Row("pair", PAIR),), ("cnn_test_accuracy", "mlp_test_accuracy")
)
OPTIONS = Options(seeds=3, quick=True, data=DataConfig(source="synthetic"))


def always(kind: str, platform: str) -> bool:
    return True


def never(kind: str, platform: str) -> bool:
    return False


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def stored(experiment: Experiment) -> Path:
    return Path("runs/quick") / f"{experiment.name}.json"


def check_alike(one: Any, other: Any, tolerance: float = 1e-4) -> None:
    """The same but for rounding, which may turn a few images' answers; no clock is compared."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            counted = any(
                part in name for part in ("accuracy", "recall", "f1", "class", "confusion")
            )
            if "seconds" not in name and name != "finished":
                check_alike(one[name], other[name], 2 if counted else tolerance)
    elif isinstance(one, list):
        for values in zip(one, other, strict=True):
            check_alike(*values, tolerance)
    elif one is None or isinstance(one, str):
        assert one == other
    else:
        assert one == pytest.approx(other, rel=1e-4, abs=tolerance)


@pytest.mark.parametrize("experiment", [MLP, PIPELINE], ids=lambda one: one.name)
def test_runs_at_once_are_stored_as_those_in_turn(experiment: Experiment):
    in_turn = run(experiment, OPTIONS, print, at_once=never)
    stored(experiment).unlink()
    lines: list[str] = []
    at_once = run(experiment, OPTIONS, lines.append, at_once=always)
    (row,) = experiment.rows
    for seed in ("0", "1", "2"):
        measured = at_once[row.name]["runs"][seed]
        assert measured.pop("seeds_at_once") == 3
        assert any(
            line.startswith(f"{experiment.name}: {row.name}, seed {seed}: ") for line in lines
        )
    check_alike(at_once, in_turn)
    assert at_once[row.name]["runs"]["0"] != at_once[row.name]["runs"]["1"]
    assert not list(Path("runs/quick/.unfinished").iterdir())


def test_only_the_missing_seeds_are_run():
    first = run(MLP, replace(OPTIONS, seeds=1), print, at_once=always)
    assert "seeds_at_once" not in first["small"]["runs"]["0"]  # one alone, as in turn
    lines: list[str] = []
    runs = run(MLP, OPTIONS, lines.append, at_once=always)["small"]["runs"]
    assert "mlp: small, seed 0: stored already" in lines
    assert runs["0"] == first["small"]["runs"]["0"]
    assert [runs[seed]["seeds_at_once"] for seed in ("1", "2")] == [2, 2]


def test_seeds_that_fail_are_told_one_by_one():
    wild = replace(SMALL, training=replace(TRAINING, learning_rate=1e30))
    deep = replace(wild, model=MLPConfig((784, 5, 10)))
    made = replace(MLP, rows=(Row("wild", deep), *MLP.rows))
    options = replace(OPTIONS, seeds=2)
    with pytest.raises(UserError, match=r"not finished.*: mlp: wild, seed 0; mlp: wild, seed 1$"):
        run(made, options, print, at_once=always)
    checksum = load_dataset(OPTIONS.data, print).checksum
    rows = Store(made, Path("runs/quick"), checksum).read()
    assert rows["wild"]["runs"] == {}
    assert all("in epoch 1, step" in rows["wild"]["failed"][seed] for seed in ("0", "1"))
    assert list(rows["small"]["runs"]) == ["0", "1"]


class StopError(Exception):
    pass


def test_asked_to_stop_they_end_after_an_epoch_with_nothing_stored():
    asked = iter([None, StopError()])
    with pytest.raises(StopError):
        run(MLP, OPTIONS, print, lambda: next(asked), always)
    assert not stored(MLP).exists()


def test_a_seed_that_another_process_is_at_is_left_to_it():
    checksum = load_dataset(OPTIONS.data, print).checksum
    store = Store(MLP, Path("runs/quick"), checksum)
    lines: list[str] = []
    with protocol.begun(store, protocol.configure(MLP.rows[0], 1, OPTIONS), print):
        runs = run(MLP, OPTIONS, lines.append, at_once=always)["small"]["runs"]
    assert list(runs) == ["0", "2"]
    assert "mlp: small, seed 1: another process is at it" in lines


def test_what_is_trained_together():
    experiment = replace(MLP, rows=(*MLP.rows, *PIPELINE.rows))
    plan = list(planned(experiment, replace(OPTIONS, seeds=2)))
    names = [(row.name, seeds) for row, seeds in grouped(plan, lambda kind, _: kind == "mlp")]
    assert names == [("small", [0, 1]), ("pair", [0]), ("pair", [1])]
