"""Trainings in several processes on this machine: the same numbers, and a clear end when one is killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.cli.supervisor import explain
from tests.checkpoints import leaves

ROOT = Path(__file__).parents[2]
JOB = (
    "train mlp --source synthetic --validation-fraction 0.9 --layer-sizes 784 12 10 --dropout 0.2 "
    "--learning-rate 0.05 --batch-size 16"
).split()


def start(run_dir: Path, words: Sequence[str], devices: int = 1) -> "subprocess.Popen[str]":
    """`fmnist-jax train`, in a process with so many devices."""
    return subprocess.Popen(
        [sys.executable, "-m", "fmnist_jax", *JOB, "--run-dir", run_dir, *words],
        cwd=ROOT,
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} "
            "--xla_backend_optimization_level=0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_all(run_dir: Path, each: Sequence[Sequence[str]]) -> "list[subprocess.Popen[str]]":
    """One training in as many processes as there are lists of words."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together = [
        "--distributed",
        "--coordinator",
        f"127.0.0.1:{port}",
        "--process-count",
        str(len(each)),
    ]
    return [
        start(run_dir, [*words, *together, "--process-id", str(number)])
        for number, words in enumerate(each)
    ]


def weights(run_dir: Path) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in leaves(restore_checkpoint(run_dir / "checkpoint"))]


def assert_equal_to_rounding(run_dir: Path, expected: Path) -> None:
    for found, wanted in zip(weights(run_dir), weights(expected), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight epochs in one process, on one device."""
    run_dir = tmp_path_factory.mktemp("alone") / "run"
    process = start(run_dir, ["--epochs", "8"])
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return run_dir


@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_train_as_one_does(alone: Path, tmp_path: Path, count: int):
    run_dir = tmp_path / "run"
    processes = start_all(run_dir, [["--epochs", "8", "--json"]] * count)
    outputs = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, outputs
    # The first process alone prints, its output is JSON alone, and it writes all files.
    assert outputs[0][0].startswith("{")
    assert outputs[1:] == [("", "")] * (count - 1)
    assert {path.name for path in run_dir.iterdir()} >= {"pictures", "result.json"}
    assert_equal_to_rounding(run_dir, alone)


@pytest.mark.parametrize("killed", [0, 1])
def test_one_is_killed_and_the_others_end_and_the_run_resumes_alone(
    alone: Path, tmp_path: Path, killed: int
):
    run_dir, rng = tmp_path / "run", np.random.default_rng(killed)
    processes = start_all(run_dir, [["--epochs", "8"]] * 2)
    history = run_dir / "metrics_mlp.jsonl"
    while not (history.exists() and history.read_text("utf-8")):
        assert processes[0].poll() is None
        time.sleep(0.05)
    time.sleep(rng.uniform(0, 0.3))
    processes[killed].send_signal(signal.SIGKILL)
    begun, other = time.monotonic(), processes[1 - killed]
    _, errors = other.communicate(timeout=120)
    if other.returncode:  # it may have been done already
        assert time.monotonic() - begun < 60
        assert other.returncode == 2
        assert re.fullmatch(
            f"fmnist-jax: process {killed}[ ,].*run the same command again.*\n", errors
        )
    processes[killed].communicate()
    process = start(run_dir, ["--epochs", "8"])
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert_equal_to_rounding(run_dir, alone)


def test_processes_with_other_configurations_are_refused(tmp_path: Path):
    processes = start_all(tmp_path / "run", [["--seed", "0"], ["--seed", "1"]])
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2], errors
    assert [error.count("\n") for error in errors] == [1, 1]
    assert "another process differs from process 0" in errors[0]
    assert (
        "process 1: has another configuration than process 0; start the same command" in errors[1]
    )
    assert not (tmp_path / "run").exists()


def test_a_coordinator_that_is_not_there_is_reported(tmp_path: Path):
    words = "--distributed --coordinator 127.0.0.1:9 --process-count 2 --process-id 1".split()
    process = start(tmp_path / "run", words)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert errors.startswith("fmnist-jax: --distributed: not all processes reached the coordinator")
    assert errors.count("\n") == 1


def test_options_that_do_not_fit_are_refused(tmp_path: Path):
    process = start(tmp_path / "run", ["--distributed", "--process-count", "2"])
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "expected --coordinator HOST:PORT, --process-count N and --process-id" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("E1 tasks are unhealthy (stopped sending heartbeats):\n1\nThe tasks", "process 1 died"),
        ("unhealthy (stopped sending heartbeats):\n1\n3\nThe tasks", "process 1, 3 died"),
        ("F1 Failed to send RPC to coordination service. Either", "process 0, the coordinator"),
        ("Segmentation fault", None),
    ],
)
def test_what_the_coordination_service_logs_is_explained(log: str, expected: str | None):
    found = explain(log)
    assert (found is None) == (expected is None)
    assert (found or "").startswith(expected or "")
