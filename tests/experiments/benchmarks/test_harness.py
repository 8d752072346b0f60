import subprocess
import sys
from pathlib import Path

import pytest

from experiments.benchmarks import harness as turns
from experiments.benchmarks.harness import Contender, ask, interpreters, spread, training_split
from experiments.benchmarks.peers.worker import peak_bytes
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError

CONTENDERS = {
    "ours": Contender("networks", "train"),
    "theirs": Contender("pytorch_networks", "train"),
}


def test_interpreters(tmp_path: Path) -> None:
    assert set(interpreters(CONTENDERS, None).values()) == {sys.executable}
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert interpreters(CONTENDERS, link) == {"ours": sys.executable, "theirs": str(link)}
    with pytest.raises(UserError, match=r"--torch-python .*nowhere: no such interpreter"):
        interpreters(CONTENDERS, tmp_path / "nowhere")


def test_a_worker_that_ends_early_is_told() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.exit(3)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, pytest.raises(RuntimeError, match="ended early, exit code 3"):
        ask(process)


def test_kept_figures_are_of_the_real_images_alone() -> None:
    synthetic = DataConfig(source="synthetic")
    with pytest.raises(UserError, match="kept for Fashion-MNIST alone"):
        training_split(synthetic, True, lambda line: None)
    assert len(training_split(synthetic, False, lambda line: None).labels) > 0


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"ratio": 2.0, "ratio_min": 1.0, "ratio_max": 3.0}


@pytest.mark.parametrize(("load", "lines"), [(0.4, 0), (3.0, 1)])
def test_a_busy_machine_is_told_of(load: float, lines: int) -> None:
    told: list[str] = []
    turns.warn_if_busy(load, told.append)
    assert len(told) == lines


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_bytes_grow_with_what_is_held() -> None:
    before = peak_bytes()
    held = bytearray(b"1") * (64 * 2**20)
    after = peak_bytes()
    assert before is not None
    assert after is not None
    assert after >= len(held)
    assert after >= before
