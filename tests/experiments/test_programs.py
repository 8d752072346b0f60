from pathlib import Path

import pytest
from attrs import evolve

from experiments.engine.configuration import change
from experiments.engine.runner import on_images
from experiments.reports.report2 import program as report2_program
from experiments.reports.report2.program import Report2
from experiments.reports.report3 import program as report3_program
from experiments.reports.report3.program import Report3
from fmnist_jax.cli import job
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.runs import pictures
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.runs.presets import lenet
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

DATA = DataConfig(source="synthetic")
TRAINING = TrainingConfig(epochs=5, batch_size=100, learning_rate=0.01, patience=None)
MLP = Run((Stage("mlp", MLPConfig((784, 10)), TRAINING, UNIT),))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; the pictures of runs, which have their own tests, aren't drawn."""
    monkeypatch.setattr(pictures, "write_pictures", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_report_2_trains_once_and_restores_afterwards(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    other = change(MLP, "mlp", training={"learning_rate": 0.02})
    names = ("multi-layer-net", "convolution-neural-net")
    assert tuple(report2_program.NETWORKS) == names
    monkeypatch.setattr(report2_program, "NETWORKS", dict(zip(names, (MLP, other), strict=True)))
    with pytest.raises(UserError, match=r"multi-layer-net: .*found none; pass --train"):
        report2_program.write(Report2(folder=here / "out", quick=True, data=DATA))
    report2_program.write(Report2(folder=here / "out", train=True, quick=True, data=DATA))
    labels = load_dataset(DATA, print).test.labels
    texts = {name: (here / "out" / f"{name}.txt").read_text() for name in names}
    for text in texts.values():
        loss, accuracy, *lines = text.splitlines()
        assert 0 < float(loss.removeprefix("Loss: ")) < 10
        assert len(lines) == len(labels)
        words = [line.partition(": label ")[2].split(", prediction ") for line in lines]
        right = sum(label == predicted for label, predicted in words)
        assert accuracy == f"Accuracy: {right / len(labels):.4f}"
        assert lines[0].startswith("Image 0: label ")
    assert len(set(texts.values())) == 2
    capsys.readouterr()

    (here / "out/multi-layer-net.txt").unlink()
    monkeypatch.setattr(job, "train", None)
    report2_program.write(Report2(folder=here / "out", quick=True, data=DATA))
    assert (here / "out/multi-layer-net.txt").read_text() == texts["multi-layer-net"]
    assert "Finished already" in capsys.readouterr().out
    with pytest.raises(UserError, match="multi-layer-net"):
        report2_program.write(Report2(folder=here / "out", data=DATA))


def test_the_networks_are_the_experiments_own():
    (mlp,), (convnet,) = (run.stages for run in report2_program.NETWORKS.values())
    assert (mlp.name, convnet.name) == ("mlp", "convnet")
    assert (mlp.training.monitor, convnet.training.monitor) == ("accuracy", "accuracy")
    assert (mlp.training.epochs, convnet.training.epochs) == (50, 200)
    (quick,) = on_images(Run((convnet,)), DATA, quick=True).stages
    assert quick.training.epochs == 2


def test_report_3_leaves_text_curve_and_pictures_for_each_batch_size(
    here: Path, monkeypatch: pytest.MonkeyPatch
):
    assert list(report3_program.RUNS) == [32, 64, 100, 256]
    block = evolve(lenet.MODEL.blocks[0], filters=2, kernel=1)
    small = evolve(lenet.MODEL, blocks=(block,), hidden=())
    run = report3_program.RUNS[100]
    stage = evolve(run.stages[0], model=small, training=evolve(TRAINING, keep="last"))
    monkeypatch.setattr(report3_program, "RUNS", {100: Run((stage,), run.data)})
    report3_program.write(Report3(loss=SOFTMAX_TWICE, quick=True, data=DATA))
    folder = here / "runs/quick/report3/softmax-twice/batch-100"
    lines = (folder / "output.txt").read_text().splitlines()
    # No less than the second softmax permits.
    assert float(lines[0].removeprefix("Loss: ")) > 1.46
    assert len([line for line in lines if line.startswith("Accuracy of ")]) == 10
    # 6,000 synthetic images: 60 batches, divided by 938.
    epochs = [line.split() for line in lines if line.startswith("Epoch ")]
    assert [words[1] for words in epochs] == ["1:", "2:"]
    for words in epochs:
        assert float(words[4].rstrip(",")) == pytest.approx(float(words[-1]) * 60 / 938, rel=1e-3)
    assert len([line for line in lines if line.startswith("Image ")]) == report3_program.SAMPLE
    for name in ("training_loss", "predictions"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
