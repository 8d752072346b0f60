import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments.__main__ import COMMANDS, main
from experiments.engine import runner as protocol
from experiments.engine.runner import RESULTS
from experiments.study import study
from experiments.study.catalogue import CATALOGUE, PROGRAMS
from fmnist_jax.cli.interruption import Stopped

COLUMNS = ("train_accuracy", "train_recall", "train_f1", "validation_accuracy", "validation_recall",
           "validation_f1", "test_accuracy", "train_loss", "validation_loss")  # fmt: skip


def test_the_list_has_every_experiment_program_and_command(capsys: pytest.CaptureFixture):
    assert main([]) == 0
    text = capsys.readouterr().out
    for name in (*(entry.name for entry in CATALOGUE), *PROGRAMS, *COMMANDS):
        assert name == "list" or name in text
    (line,) = [line for line in text.splitlines() if line.split()[:1] == ["report1_table1"]]
    assert " of " in line
    assert "table 1: the scratch MLP" in line


def test_one_experiment_is_run_as_its_own_module_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    figures = dict.fromkeys(COLUMNS, 85.0)
    monkeypatch.setattr(
        protocol, "measure",
        lambda run, dataset, *_: figures | {"data_checksum": dataset.checksum, "seconds": 1.0},
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["experiments"])
    words = "report4_mlp --quick --seeds 1 --source synthetic --rows".split()
    assert main([*words, "10 epochs"]) == 0
    assert "| 10 epochs" in capsys.readouterr().out
    assert (tmp_path / "runs/quick/report4_mlp.json").exists()
    assert main(["--quick"]) == 0
    (line,) = [
        line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["report4_mlp"]
    ]
    assert "1 of 4" in line
    assert main(["verdicts", "--quick"]) == 0
    assert "| 10 epochs | train accuracy " in capsys.readouterr().out
    assert main(["claims", "--quick"]) == 0
    assert "not run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [(["nosuch"], "report1_table1"), (["claims", "--nonsense"], "--nonsense"),
     (["study", "--data-dir", "no/such/place", "--quick"], "no/such/place"),
     (["study", "--jobs", "0"], "jobs must be at least 1, found 0"),
     (["report4_mlp", "--rows", "nosuch"], "nosuch")],
)  # fmt: skip
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["experiments"])
    try:
        code = main(words)
    except SystemExit as exit_:  # the module's own
        code = exit_.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error


@pytest.mark.parametrize("failed", [[], ["report1_table1: a row: the loss is nan"]])
def test_a_study_with_failures_tells_them_and_ends_with_1(
    failed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(study, "run", lambda *_: failed)
    assert main(["study", "--jobs", "1"]) == len(failed)
    text = capsys.readouterr().out
    assert all(line in text for line in failed)


def test_a_study_that_was_stopped_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def stopped(*_: object) -> list[str]:
        raise Stopped(15)

    monkeypatch.setattr(study, "run", stopped)
    assert main(["study", "--quick", "--jobs", "1"]) == 143
    assert "python -m experiments study --quick --jobs 1" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "folder"), [([], RESULTS), (["--quick"], Path("runs/quick"))])
def test_the_page_is_built_of_the_results(
    words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    built: list[Path] = []
    module = SimpleNamespace(build=lambda log, data, results: built.append(results))
    monkeypatch.setitem(sys.modules, "experiments.site.build", module)
    assert main(["report", *words]) == 0
    assert built == [folder]
