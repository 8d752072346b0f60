import subprocess
import sys
from pathlib import Path

import pytest

from experiments.benchmarks import harness
from experiments.benchmarks.harness import (
    Candidate,
    interpreters,
    request,
    spread,
    training_split,
    verdict,
)
from experiments.benchmarks.peers.worker import peak_bytes
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError

CANDIDATES = {
    "ours": Candidate("ours", "train"),
    "theirs": Candidate("pytorch", "train"),
}


def test_interpreters(tmp_path: Path) -> None:
    assert set(interpreters(CANDIDATES, None).values()) == {sys.executable}
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert interpreters(CANDIDATES, link) == {"ours": sys.executable, "theirs": str(link)}
    with pytest.raises(UserError, match=r"--torch-python .*nowhere: no such interpreter"):
        interpreters(CANDIDATES, tmp_path / "nowhere")


def test_a_worker_that_ends_early_raises() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.exit(3)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, pytest.raises(RuntimeError, match="ended early, exit code 3"):
        request(process)


def test_stored_results_are_of_the_real_images_only() -> None:
    synthetic = DataConfig(source="synthetic")
    with pytest.raises(UserError, match="stored for Fashion-MNIST only"):
        training_split(synthetic, True, lambda line: None)
    assert len(training_split(synthetic, False, lambda line: None).labels) > 0


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"ratio": 2.0, "ratio_min": 1.0, "ratio_max": 3.0}


def test_verdict() -> None:
    assert verdict(True, 1.50) == "target 1.5: reached"
    assert verdict(False, 12.0) == "target 12: not reached"


@pytest.mark.parametrize(("load", "lines"), [(0.4, 0), (3.0, 1)])
def test_a_busy_machine_is_logged(load: float, lines: int) -> None:
    logged: list[str] = []
    harness.warn_if_busy(load, logged.append)
    assert len(logged) == lines


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_bytes_grow_with_allocations() -> None:
    before = peak_bytes()
    held = bytearray(b"1") * (64 * 2**20)
    after = peak_bytes()
    assert before is not None
    assert after is not None
    assert after >= len(held)
    assert after >= before
