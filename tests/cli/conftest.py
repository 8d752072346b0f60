from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from fmnist_jax.cli.app import main
from fmnist_jax.data import sources
from fmnist_jax.evaluation import plots
from tests.once import MakeOnce, few


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture) -> Callable[..., Outcome]:
    """Run the command line in this process; return exit code, output and errors."""

    def run(*words: object) -> Outcome:
        try:
            code = main([str(word) for word in words])
        except SystemExit as exit_:  # as tyro ends: --help
            code = exit_.code
        assert isinstance(code, int)
        captured = capsys.readouterr()
        return Outcome(code, str(captured.out), str(captured.err))

    return run


def trained(directory: Path, words: list[str]) -> None:
    """Train by the command line, with coarse pictures."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sources, "draw_synthetic", few)
        patched.setattr(plots, "DPI", 20)
        assert main(["train", *words, "--run-dir", str(directory)]) == 0


@pytest.fixture(scope="session")
def run_dir(make_once: MakeOnce) -> Path:
    """Return the directory of a short run on synthetic pictures, made once by the command line."""
    words = "--source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64 --tensorboard"
    return make_once("mlp", lambda directory: trained(directory, ["mlp", *words.split()]))


# Optax's Adam doesn't work under strict dtype promotion. Splits of one size share programs, and kernels
# of one pixel compile faster than larger ones.
NETWORK_WORDS = (
    "--source synthetic --filters 2 2 3 3 4 --kernels 3 1 1 1 1 --hidden 8 --optimizer momentum "
    "--learning-rate 0.01 --batch-size 200 --validation-fraction 0.3333"
).split()


@pytest.fixture(scope="session")
def pipeline_dir(make_once: MakeOnce) -> Path:
    """As `run_dir`, of the pipeline, which `train` trains without a network's name."""
    words = "--epochs 2 --mlp-training.epochs 3 --mlp-training.batch-size 200".split()
    return make_once("pipeline", lambda directory: trained(directory, [*NETWORK_WORDS, *words]))


@pytest.fixture(scope="session")
def convnet_dir(make_once: MakeOnce) -> Path:
    """As `run_dir`, of the five convolutions alone."""
    words = ["five-conv", *NETWORK_WORDS, "--epochs", "1"]
    return make_once("five-conv", lambda directory: trained(directory, words))
