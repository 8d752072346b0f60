"""An experiment as a command: how it ends, and the table that it prints."""

import signal

import pytest

from experiments.engine import runner as protocol
from experiments.engine.runner import summary, table
from fmnist_jax.cli.interruption import Stopped
from tests.experiments.small_experiment import EXPERIMENT

pytestmark = pytest.mark.usefixtures("results")


def test_a_signal_is_told_with_the_command_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr("sys.argv", ["made", "--seeds", "1", "--source", "synthetic"])
    monkeypatch.setattr(protocol, "run", lambda *words: words[-1]() or _stop(signal.SIGTERM))
    with pytest.raises(SystemExit) as exit_:
        protocol.main(EXPERIMENT)
    assert exit_.value.code == 143
    assert str(capsys.readouterr().err) == (
        "Stopped. To go on, give the same command again: "
        "python -m experiments.made --seeds 1 --source synthetic\n"
    )


def _stop(number: int) -> None:
    raise Stopped(number)


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--seeds", "0"], "seeds must be at least 1"), (["--rows", "nosuch"], "'nosuch'"),
     (["--data-dir", "no/such/place"], "no/such/place"), (["--nonsense"], "--nonsense")],
)  # fmt: skip
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    monkeypatch.setattr("sys.argv", ["made", *words])
    with pytest.raises(SystemExit) as exit_:
        protocol.main(EXPERIMENT)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error


def test_main_prints_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setattr("sys.argv", ["made", "--quick", "--seeds", "1", "--source", "synthetic"])
    protocol.main(EXPERIMENT)
    assert "| slow" in capsys.readouterr().out


def test_the_table_sets_measured_beside_reported():
    stored = {
        "slow": {"runs": {"0": {"test_accuracy": 40.0, "best_epoch": 2},
                          "1": {"test_accuracy": 42.0, "best_epoch": 2}}}
    }  # fmt: skip
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table(EXPERIMENT, stored).splitlines()
    ]
    assert lines[0] == ["", "test accuracy", "best epoch", "seeds"]
    assert lines[2] == ["slow", "41.00 ± 1.41 (50)", "2.00 ± 0.00", "2"]
    assert lines[3] == ["fast", "not run", "not run", "0"]


@pytest.mark.parametrize(
    ("values", "told"),
    [([], "not run"), ([88.0], "88.00"), ([1.0, 2.0], "1.5000 ± 0.7071"), ([0.3], "0.3000")],
)
def test_summary(values: list[float], told: str):
    assert summary(values) == told
