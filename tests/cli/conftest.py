from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from fmnist_jax.cli.app import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture) -> Callable[..., Outcome]:
    """Runs the command line in this process and returns exit code, output and errors."""

    def run(*words: object) -> Outcome:
        try:
            code = main([str(word) for word in words])
        except SystemExit as exit_:  # tyro's own way out: --help, or words it doesn't know
            code = exit_.code
        assert isinstance(code, int)
        captured = capsys.readouterr()
        return Outcome(code, str(captured.out), str(captured.err))

    return run


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a short run on synthetic pictures, made once by the command line."""
    directory = tmp_path_factory.mktemp("runs") / "mlp"
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64 --tensorboard"
    assert main(["train", "mlp", *words.split(), "--run-dir", str(directory)]) == 0
    return directory


NETWORK_WORDS = (
    "--source synthetic --filters 2 2 3 3 4 --hidden 8 --optimizer momentum --learning-rate 0.01 "
    "--batch-size 200"
).split()  # optax's Adam doesn't work under strict dtype promotion


@pytest.fixture(scope="session")
def pipeline_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `run_dir`, of the pipeline, which `train` is without a network's name."""
    directory = tmp_path_factory.mktemp("runs") / "pipeline"
    words = "--epochs 2 --mlp-training.epochs 3 --mlp-training.batch-size 200".split()
    assert main(["train", *NETWORK_WORDS, *words, "--run-dir", str(directory)]) == 0
    return directory


@pytest.fixture(scope="session")
def network_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `run_dir`, of the five convolutions alone."""
    directory = tmp_path_factory.mktemp("runs") / "cnn"
    assert main(["train", "cnn", *NETWORK_WORDS, "--epochs", "1", "--run-dir", str(directory)]) == 0
    return directory
