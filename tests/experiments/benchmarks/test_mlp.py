import importlib
import importlib.util
import json
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from experiments.benchmarks import harness, results
from experiments.benchmarks import mlp as benchmark
from experiments.benchmarks.mlp import CANDIDATES, OURS, Options, Row, measure
from experiments.benchmarks.peers.worker import Job, read_job
from fmnist_jax.cli.arguments import parse
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.errors import UserError

ROW = Row((784, 12, 9, 10), {name: 1.0 for name in CANDIDATES})


def made_split(count: int) -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    return Split(images, rng.integers(0, 10, count, np.int32))


def job_of(folder: Path, count: int, learning_rate: float) -> Job:
    train = made_split(count)
    training = attrs.evolve(ROW.stage.training, learning_rate=learning_rate)
    stage = attrs.evolve(ROW.stage, training=training)
    harness.write_job(folder, stage, train, benchmark.counts_of(train))
    return read_job(folder)


def start(name: str, job: Job):
    if name == "PyTorch" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    module = importlib.import_module(f"experiments.benchmarks.peers.{CANDIDATES[name].module}")
    return getattr(module, CANDIDATES[name].start)(job)


def without_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make workers find no torch, whatever is installed."""
    module = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    (folder / "torch.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != OURS])
def test_candidates_make_the_same_updates(tmp_path: Path, name: str) -> None:
    # One batch is all the data, so the order, which each draws itself, makes no difference.
    job = job_of(tmp_path, benchmark.BATCH_SIZE, learning_rate=0.1)
    ours, other = start(OURS, job), start(name, job)
    losses = np.array([(ours()[0], other()[0]) for _ in range(10)])
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=0, atol=1e-4)
    assert losses[-1, 0] < losses[0, 0] - 0.1


@pytest.mark.parametrize("name", CANDIDATES)
def test_an_epoch_uses_every_image_once(tmp_path: Path, name: str) -> None:
    # Nothing is learned, so any order gives the same figures, the short last batch included.
    job = job_of(tmp_path, 2 * benchmark.BATCH_SIZE + 5, learning_rate=0.0)
    weights, Z = job.arrays("weights"), job.array("inputs").reshape(-1, 784)
    for layer in range(3):
        Z = (np.maximum(Z, 0) if layer else Z) @ weights[f"{layer}.W"] + weights[f"{layer}.b"]
    labels = job.array("labels")
    losses = np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(len(Z)), labels]
    expected = losses.mean(), (Z.argmax(axis=1) == labels).mean()
    epoch = start(name, job)
    for _ in range(2):
        np.testing.assert_allclose(epoch()[:2], expected, atol=1e-4)


def test_measure_leaves_out_torch_if_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(tmp_path, monkeypatch)
    options, lines = Options(rounds=2), []
    split = made_split(benchmark.BATCH_SIZE)  # one batch: any order is the same
    measured = measure(ROW, split, options, lines.append)
    assert lines == [f"PyTorch: {sys.executable} has no torch: left out"]
    assert list(measured) == [OURS, "autodiff", "NumPy", "NumPy, tuned"]
    for figures in measured.values():
        assert len(figures["seconds"]) == 2
        assert 0 < figures["ratio_min"] <= figures["ratio"] <= figures["ratio_max"]
        assert figures["final_loss"] == pytest.approx(measured[OURS]["final_loss"], abs=1e-4)
    assert measured[OURS]["ratio"] == 1
    assert "jax" in measured[OURS]["versions"]
    assert "jax" not in measured["NumPy"]["versions"]


def test_a_requested_torch_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_torch(tmp_path, monkeypatch)
    monkeypatch.setattr(benchmark, "CANDIDATES", {"PyTorch": CANDIDATES["PyTorch"]})
    options = Options(rounds=1, torch_python=Path(sys.executable))
    with pytest.raises(UserError, match=r"PyTorch: .* has no torch; --torch-python must name"):
        measure(ROW, made_split(5), options, lambda line: None)


def test_parse() -> None:
    words = ["--rounds", "3", "--torch-python", "other/python", "--images", "500"]
    options = parse(Options, "benchmark", [*words, "--source", "idx"], {})
    assert (options.rounds, options.torch_python, options.images) == (3, Path("other/python"), 500)
    assert options.data.source == "idx"
    assert parse(Options, "benchmark", [], {}) == Options()


@pytest.mark.parametrize(
    "words",
    [
        ["--rounds", "0"],
        ["--images", "0"],
        ["--torch-python", "no/"],
        ["--source", "synthetic"],
        ["--nonsense"],
    ],
)
def test_main_refuses_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_summarize_takes_ratios_round_by_round() -> None:
    ours = [{"seconds": seconds, "loss": 0.5, "accuracy": 0.8} for seconds in (1.0, 2.0, 4.0)]
    other = [{"seconds": seconds, "loss": 0.6, "accuracy": 0.7} for seconds in (3.0, 2.0, 8.0)]
    figures = benchmark.summarize(ours, other)
    assert (figures["ratio"], figures["ratio_min"], figures["ratio_max"]) == (2, 1, 3)
    assert (figures["median_seconds"], figures["final_loss"]) == (3, 0.6)


@pytest.mark.parametrize(("ratio", "verdict"), [(1.3, " reached"), (1.29, "not reached")])
def test_describe_row_has_the_verdict(ratio: float, verdict: str) -> None:
    epochs = [{"seconds": 1.0, "loss": 0.5, "accuracy": 0.8}]
    figures = benchmark.summarize(epochs, epochs) | {"warm_up_seconds": 2.0}
    row = attrs.evolve(ROW, targets={"NumPy": 1.3})
    lines = list(benchmark.describe_row(row, {OURS: figures, "NumPy": figures | {"ratio": ratio}}))
    assert len(lines) == 3
    assert "target" not in lines[1]
    assert lines[2].endswith(verdict)


def test_results_of_another_jax_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(benchmark, "ROWS", (ROW,))
    monkeypatch.setattr(benchmark, "CANDIDATES", {OURS: CANDIDATES[OURS]})
    (tmp_path / "mlp.json").write_text('{"jax 0.1": {}}')
    quick = tmp_path / results.QUICK_RESULTS / "mlp.json"
    split = made_split(4)
    monkeypatch.setattr(
        harness,
        "load_dataset",
        lambda *_: Dataset(split, split, split, "made", checksums.CHECKSUM),
    )
    assert benchmark.measure_all(Options(1, images=3), lambda line: None)[ROW.name]["images"] == 3
    assert len(json.loads(quick.read_text())) == 1
    rows = benchmark.measure_all(Options(1), lambda line: None)
    stored = json.loads((tmp_path / "mlp.json").read_text())
    assert len(stored) == 2
    assert stored.pop("jax 0.1") == {}
    assert list(stored.values()) == [rows]
    assert set(rows[ROW.name]) == {
        "cpu", "cores", "system", "load_before", "date", "images", "candidates",
    }  # fmt: skip
