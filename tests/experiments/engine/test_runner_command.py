"""An experiment as a command: how it ends, and the table that it prints."""

import signal
from functools import partial

import pytest

from experiments.engine import runner
from experiments.engine.command import exit_code
from experiments.engine.tables import results_table, summary
from fmnist_jax.cli.interruption import Stopped
from tests.experiments.small_experiment import EXPERIMENT, measured

pytestmark = pytest.mark.usefixtures("results")


def command(words: list[str]) -> int:
    """The exit code of `python -m experiments made/small ...`."""
    return exit_code(["made/small", *words], partial(runner.main, EXPERIMENT, words))


def test_a_signal_is_reported_with_the_command_that_resumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def stop(*args: object) -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(runner, "run", stop)
    assert command(["--seeds", "1", "--source", "synthetic"]) == 143
    assert str(capsys.readouterr().err) == (
        "Stopped. To resume, run the same command again: "
        "python -m experiments made/small --seeds 1 --source synthetic\n"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--seeds", "0"], "seeds must be at least 1"), (["--rows", "nosuch"], "'nosuch'"),
     (["--data-dir", "no/such/place"], "no/such/place"), (["--nonsense"], "--nonsense")],
)  # fmt: skip
def test_invalid_input_is_one_line_and_exit_code_2(
    words: list[str], text: str, capsys: pytest.CaptureFixture
):
    assert command(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert text in error


def test_main_prints_the_table(capsys: pytest.CaptureFixture):
    assert command(["--quick", "--seeds", "1", "--source", "synthetic"]) == 0
    assert "| slow" in capsys.readouterr().out


def test_the_table_has_measured_and_reported_figures():
    runs = {
        0: measured(test_accuracy=40.0, best_epoch=2),
        1: measured(test_accuracy=42.0, best_epoch=2),
    }
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in results_table(EXPERIMENT, {"slow": {"runs": runs}}).splitlines()
    ]
    assert lines[0] == ["", "test accuracy", "best epoch", "seeds"]
    assert lines[2] == ["slow", "41.00 ± 1.41 (50)", "2.00 ± 0.00", "2"]
    assert lines[3] == ["fast", "not run", "not run", "0"]


@pytest.mark.parametrize(
    ("values", "text"),
    [([], "not run"), ([88.0], "88.00"), ([1.0, 2.0], "1.5000 ± 0.7071"), ([0.3], "0.3000")],
)
def test_summary(values: list[float], text: str):
    assert summary(values) == text
