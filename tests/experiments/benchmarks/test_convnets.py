import importlib
import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.benchmarks import convnets as benchmark
from experiments.benchmarks import harness
from experiments.benchmarks.candidates import (
    CANDIDATES,
    FLAX,
    OUR_FEATURES,
    OURS,
    PYTORCH,
    describe_all,
    describe_row,
    summarize,
)
from experiments.benchmarks.convnets import Options, Row, main
from experiments.benchmarks.harness import Candidate, write_job
from experiments.benchmarks.peers import ours
from experiments.benchmarks.peers.worker import Job, read_job
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.five_conv import GLOBAL, MAX, FiveConv
from fmnist_jax.ops.pooling import AVERAGE
from fmnist_jax.runs.config import Stage
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.step import predict_features

NETWORKS = {
    "max": FiveConv((2, 3, 2, 2, 3), (3, 1, 1, 1, 3), pooling=MAX, hidden=4).network,
    "global": FiveConv((2, 2, 2, 2, 3), pooling=GLOBAL, hidden=4).network,
    "maps of more than one": ConvNetConfig((Block(3, 5, 2, 1, AVERAGE), Block(4, 2)), (5,)),
}
TRAINING = TrainingConfig(learning_rate=0.1)
ROWS = tuple(
    Row(name, Stage("convnet", ConvNetConfig((Block(filters, 1),), ()), TRAINING, UNIT))
    for name, filters in (("narrow", 1), ("wide", 2))
)
COUNTS = {"train": 16, "flax": 16, "features": 24, "features_batch": 10}


def row(name: str) -> Row:
    return Row(name, Stage("convnet", NETWORKS[name], TRAINING, UNIT))


def start(name: str, job: Job):
    candidate = CANDIDATES[name]
    if candidate.needs_torch and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    module = importlib.import_module(f"experiments.benchmarks.peers.{candidate.module}")
    return getattr(module, candidate.start)(job)


@pytest.mark.parametrize("other", [FLAX, PYTORCH])
@pytest.mark.parametrize("network", NETWORKS)
def test_candidates_make_the_same_updates(
    tmp_path: Path, small_dataset: Dataset, network: str, other: str
):
    # One batch is all the data, so the order, which each draws itself, makes no difference.
    write_job(tmp_path, row(network).timed, small_dataset.train, COUNTS)
    job = read_job(tmp_path)
    with jax.numpy_dtype_promotion("standard"):  # Flax's average pooling divides floats by counts
        theirs = start(other, job)
    mine = start(OURS, job)
    losses = np.array([(mine().loss, theirs().loss) for _ in range(5)])
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=0, atol=1e-4)
    assert losses[-1, 0] < losses[0, 0] - 1e-3


def test_features_are_those_of_the_pipeline(tmp_path: Path, small_dataset: Dataset):
    made = row("max")
    write_job(tmp_path, made.timed, small_dataset.train, COUNTS)
    job = read_job(tmp_path)
    expected = predict_features(
        ours.variables_of(job),
        small_dataset.train.images[:24],
        {},
        made.stage.model.build(),
        UNIT,
    )
    assert start(OUR_FEATURES, job)().mean == pytest.approx(float(expected.mean()))


def test_the_rows_are_table_2_lenet_and_the_backbone():
    assert [one.name for one in benchmark.ROWS[14:]] == ["LeNet", "backbone"]
    assert len({one.name for one in benchmark.ROWS}) == 16
    assert len({one.stage.model for one in benchmark.ROWS}) == 16
    steps = {one.name: one.counts(None)["train"] // benchmark.BATCH_SIZE for one in benchmark.ROWS}
    assert [name for name, count in steps.items() if count == benchmark.SLOW_STEPS] == [
        "max 32,64,128,256,512 5x5 xavier", "backbone",
    ]  # fmt: skip
    assert min(one.counts(None)["flax"] for one in benchmark.ROWS) == 2 * benchmark.BATCH_SIZE


def test_each_row_is_stored_when_it_is_done_and_others_stay(
    tmp_path: Path, small_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(harness, "load_dataset", lambda *_: small_dataset)
    monkeypatch.setattr(benchmark, "ROWS", ROWS)
    monkeypatch.setattr(benchmark, "BATCH_SIZE", 8)
    monkeypatch.setattr(benchmark, "CANDIDATES", {name: CANDIDATES[name] for name in (OURS, FLAX)})
    lines: list[str] = []
    for name in ("wide", "narrow"):
        rows = benchmark.measure_all(Options(rounds=1, quick=True, rows=(name,)), lines.append)
    assert list(rows) == ["narrow", "wide"]
    (stored,) = json.loads(Path("runs/quick/results/benchmarks/convnets.json").read_text()).values()
    assert stored == rows
    mine = rows["narrow"]["candidates"][OURS]
    assert mine["images"] == 16
    assert mine["compile_seconds"] > 0
    assert "flax" in mine["versions"]
    assert rows["narrow"]["candidates"][FLAX]["ratio"] > 0
    assert any(line.startswith("Ours over Flax, 2 rows") for line in lines)


def test_summarize_takes_ratios_round_by_round():
    rounds = [
        {OURS: {"seconds": ours, "loss": 2.0}, PYTORCH: {"seconds": theirs, "loss": 2.1}}
        for ours, theirs in ((1.0, 3.0), (2.0, 2.0), (4.0, 8.0))
    ]
    figures = summarize(PYTORCH, rounds, {"train": 120})
    assert figures["images_per_second"] == [40, 60, 15]
    assert (figures["ratio"], figures["ratio_min"], figures["ratio_max"]) == (2, 1, 3)
    assert figures["loss"] == 2.1
    assert "ratio" not in summarize(OURS, rounds, {"train": 120})


@pytest.mark.parametrize(("ratio", "verdict"), [(1.0, "target 1: reached"), (0.9, "not reached")])
def test_describe_row_has_the_verdicts(ratio: float, verdict: str):
    figures = {"median_images_per_second": 10.0, "ratio": ratio, "ratio_min": 0.5, "ratio_max": 2.0}
    mine = {"median_images_per_second": 10.0, "compile_seconds": 11.0, "peak_bytes": 2**30}
    lines = list(describe_row("net", {OURS: mine, PYTORCH: figures}))
    assert "compiled in 11.0 s, target 10: not reached" in lines[1]
    assert "1.00 GiB at most, target 3: reached" in lines[1]
    assert lines[2].endswith(verdict)


def test_describe_all_takes_the_median_and_the_least():
    rows = [{PYTORCH: {"ratio": ratio}} for ratio in (1.1, 1.3, 2.0)]
    (line,) = describe_all(rows)
    assert line == (
        "Ours over PyTorch, 3 rows: median 1.30, target 1.25: reached; least 1.10, target 1: reached"
    )


@pytest.mark.parametrize(
    "words",
    [["--rounds", "0"], ["--rows", "nosuch"], ["--torch-python", "no/", "--quick", "--rows", "wide"],
     ["--source", "synthetic"]],
)  # fmt: skip
def test_main_refuses_in_one_line(
    words: list[str],
    small_dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(harness, "load_dataset", lambda *_: small_dataset)
    monkeypatch.setattr(benchmark, "ROWS", ROWS)
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_candidates_exist():
    for candidate in CANDIDATES.values():
        assert isinstance(candidate, Candidate)
        assert importlib.util.find_spec(f"experiments.benchmarks.peers.{candidate.module}")
