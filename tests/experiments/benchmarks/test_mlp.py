import dataclasses
import importlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import harness as turns
from experiments.benchmarks import mlp as throughput
from experiments.benchmarks.mlp import OURS, PEERS, Options, Row, measure
from experiments.benchmarks.peers.worker import Job, read_job
from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import Dataset, Split
from fmnist_jax.errors import UserError

ROW = Row((784, 12, 9, 10), {name: 1.0 for name in PEERS})


def made_split(count: int) -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    return Split(images, rng.integers(0, 10, count, np.int32))


def job_of(folder: Path, count: int, learning_rate: float) -> Job:
    throughput.write_job(folder, ROW, made_split(count))
    return read_job(folder)._replace(learning_rate=learning_rate)


def peer(name: str):
    if name == "PyTorch" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    return importlib.import_module(f"experiments.benchmarks.peers.{PEERS[name].module}")


def without_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers find a torch that isn't there, whatever is installed."""
    module = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    (folder / "torch.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize("name", [name for name in PEERS if name != OURS])
def test_contenders_take_the_same_steps(tmp_path: Path, name: str) -> None:
    # One batch is all the data, so the order, which each draws by itself, makes no difference.
    job = job_of(tmp_path, throughput.BATCH_SIZE, learning_rate=0.1)
    ours, other = peer(OURS).start(job), peer(name).start(job)
    losses = np.array([(ours()[0], other()[0]) for _ in range(10)])
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=0, atol=1e-4)
    assert losses[-1, 0] < losses[0, 0] - 0.1


@pytest.mark.parametrize("name", PEERS)
def test_an_epoch_sees_every_image_once(tmp_path: Path, name: str) -> None:
    # Nothing is learned, so any order gives the same figures, the short last batch included.
    job = job_of(tmp_path, 2 * throughput.BATCH_SIZE + 5, learning_rate=0.0)
    weights, Z = job.arrays("weights"), job.array("inputs")
    for layer in range(3):
        Z = (np.maximum(Z, 0) if layer else Z) @ weights[f"W{layer}"] + weights[f"b{layer}"]
    labels = job.array("labels")
    losses = np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(len(Z)), labels]
    expected = losses.mean(), (Z.argmax(axis=1) == labels).mean()
    epoch = peer(name).start(job)
    for _ in range(2):
        np.testing.assert_allclose(epoch(), expected, atol=1e-4)


def test_measure_takes_turns_and_says_that_torch_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(tmp_path, monkeypatch)
    options, lines = Options(rounds=2), []
    split = made_split(throughput.BATCH_SIZE)  # one batch: any order is the same
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


def test_a_torch_that_was_asked_for_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(tmp_path, monkeypatch)
    monkeypatch.setattr(throughput, "PEERS", {"PyTorch": PEERS["PyTorch"]})
    options = Options(rounds=1, torch_python=Path(sys.executable))
    with pytest.raises(UserError, match=r"PyTorch: .* has no torch; --torch-python must name"):
        measure(ROW, made_split(5), options, lambda line: None)


def test_parse() -> None:
    words = ["--rounds", "3", "--torch-python", "other/python", "--images", "500"]
    options = throughput.parse(Options, "throughput", [*words, "--source", "idx"], {})
    assert (options.rounds, options.torch_python, options.images) == (3, Path("other/python"), 500)
    assert options.data.source == "idx"
    assert throughput.parse(Options, "throughput", [], {}) == Options()


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
    assert throughput.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_summary_takes_ratios_round_by_round() -> None:
    ours = [{"seconds": seconds, "loss": 0.5, "accuracy": 0.8} for seconds in (1.0, 2.0, 4.0)]
    other = [{"seconds": seconds, "loss": 0.6, "accuracy": 0.7} for seconds in (3.0, 2.0, 8.0)]
    figures = throughput.summary(ours, other)
    assert (figures["ratio"], figures["ratio_min"], figures["ratio_max"]) == (2, 1, 3)
    assert (figures["median_seconds"], figures["final_loss"]) == (3, 0.6)


@pytest.mark.parametrize(("ratio", "verdict"), [(1.3, " reached"), (1.29, "not reached")])
def test_describe_says_whether_the_target_is_reached(ratio: float, verdict: str) -> None:
    epochs = [{"seconds": 1.0, "loss": 0.5, "accuracy": 0.8}]
    figures = throughput.summary(epochs, epochs) | {"warm_up_seconds": 2.0}
    row = dataclasses.replace(ROW, targets={"NumPy": 1.3})
    lines = list(throughput.describe(row, {OURS: figures, "NumPy": figures | {"ratio": ratio}}))
    assert len(lines) == 3
    assert "target" not in lines[1]
    assert lines[2].endswith(verdict)


def test_results_of_another_jax_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(throughput, "RESULTS", tmp_path)
    monkeypatch.setattr(throughput, "ROWS", ())
    (tmp_path / "throughput_mlp.json").write_text('{"jax 0.1": {}}')
    quick = tmp_path / "runs" / "quick" / "throughput_mlp.json"
    split = made_split(4)
    monkeypatch.setattr(
        turns,
        "load_dataset",
        lambda *_: Dataset(split, split, split, "made", checksums.CHECKSUM),
    )
    assert throughput.measure_all(Options(images=3), lambda line: None)["images"] == 3
    assert len(json.loads(quick.read_text())) == 1
    throughput.measure_all(Options(), lambda line: None)
    assert len(json.loads((tmp_path / "throughput_mlp.json").read_text())) == 2
