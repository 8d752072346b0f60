import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fmnist_jax.cli import job
from fmnist_jax.cli.interruption import Interruption, listening

pytestmark = pytest.mark.usefixtures("few_pictures")

LISTENER = """
import threading
from fmnist_jax.cli.interruption import listening
with listening(lambda line: print(line, flush=True), lambda: print("left", flush=True)):
    print("ready", flush=True)
    threading.Event().wait(60)
"""


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)]
)
def test_the_first_signal_is_logged_and_the_second_ends_the_process(
    first: signal.Signals, second: signal.Signals
):
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(first)
        line = process.stdout.readline()
        assert line.startswith(f"{first.name}: stopping once this epoch is saved")
        process.send_signal(second)
        assert process.stdout.readline() == "left\n"
        assert process.wait() == 128 + second


def test_afterwards_signals_are_as_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with listening(print, print) as interruption:
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert interruption.stop_requested() is None
    interruption.check()


def test_in_another_thread_nothing_is_requested():
    found: list[Interruption] = []

    def run() -> None:
        with listening(print, print) as interruption:
            found.append(interruption)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found[0].stop_requested() is None


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize(
    "stop",
    [
        (signal.SIGINT, 130, "log_line", ["--run-dir", "made/run"]),
        (signal.SIGTERM, 143, "assess", []),
    ],
)
def test_a_signal_saves_the_epoch_and_the_same_command_resumes(
    stop: tuple[signal.Signals, int, str, list[str]],
    cli: Callable,
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    number, code, moment, where = stop
    heard: list[Interruption] = []

    @contextmanager
    def remembered(*words) -> Iterator[Interruption]:
        with listening(*words) as interruption:
            heard.append(interruption)
            yield interruption

    def interrupted(function: Callable) -> Callable:
        def call(*words):
            if len(heard) == 1 and heard[0].number is None:
                signal.raise_signal(number)
                while heard[0].number is None:  # until the listening thread has had its turn
                    time.sleep(0.001)
            return function(*words)

        return call

    monkeypatch.setattr(job, "listening", remembered)
    monkeypatch.setattr(job, moment, interrupted(getattr(job, moment)))
    words = (
        "train mlp --source synthetic --layer-sizes 784 16 10 --epochs 3 --batch-size 64".split()
    )
    words = [*words, *where]
    monkeypatch.chdir(tmp_path)
    stopped = cli(*words)
    (run,) = Path("made" if where else "runs").iterdir()
    assert stopped.code == code
    assert f"{number.name}: stopping once this epoch is saved" in stopped.out
    assert f"Stopped; what is done so far: {run}" in stopped.out
    assert stopped.err == f"To resume, run the same command again: fmnist-jax {' '.join(words)}\n"
    lines = (run / "metrics_mlp.jsonl").read_text().count("\n")
    assert lines == (1 if moment == "log_line" else 3)
    again = cli(*words)
    assert again.code == 0
    assert f"Resumes after epoch {lines} of stage mlp: {run}" in again.out
    assert again.out.count("Epoch ") == 3 - lines
    assert (run / "metrics_mlp.jsonl").read_bytes() == (run_dir / "metrics_mlp.jsonl").read_bytes()
    left = {path.name for path in run.iterdir()}
    assert left == {path.name for path in run_dir.iterdir()} - {"tensorboard"}
    results = [json.loads((path / "result.json").read_text()) for path in (run, run_dir)]
    for result in results:
        del result["stages"]["mlp"]["seconds"]
    assert results[0] == results[1]
