import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments.__main__ import COMMANDS, main
from experiments.engine import runner
from experiments.engine.store import RESULTS
from experiments.site import documents
from experiments.study import study
from experiments.study.catalogue import experiments, programs
from fmnist_jax.cli.interruption import Stopped

COLUMNS = ("train_accuracy", "train_recall", "train_f1", "validation_accuracy", "validation_recall",
           "validation_f1", "test_accuracy", "train_loss", "validation_loss")  # fmt: skip


def line_of(name: str, text: str) -> str:
    (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
    return line


def test_the_list_has_every_experiment_program_and_command(capsys: pytest.CaptureFixture):
    assert main([]) == 0
    text = capsys.readouterr().out
    for name in (*(one.name for one in (*experiments(), *programs())), *COMMANDS):
        assert name == "list" or name in text
    line = line_of("report1/table1", text)
    assert " of " in line
    assert "table 1: the scratch MLP" in line


def test_one_experiment_is_run_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    curves = {"validation_loss": [0.5, 0.4], "validation_accuracy": [0.8, 0.9]}
    figures = dict.fromkeys(COLUMNS, 85.0) | {"best_epoch": 2, "history": curves}
    monkeypatch.setattr(
        runner, "measure",
        lambda run, dataset, *_: {
            "stages": {"mlp": figures}, "data_checksum": dataset.checksum, "seconds": 1.0,
        },
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    words = "report4/mlp --quick --seeds 1 --source synthetic --rows".split()
    assert main([*words, "10 epochs"]) == 0
    assert "| 10 epochs" in capsys.readouterr().out
    assert (tmp_path / "runs/quick/results/report4/mlp.jsonl").exists()
    assert main(["--quick"]) == 0
    assert "1 of 4" in line_of("report4/mlp", capsys.readouterr().out)
    assert main(["verdicts", "--quick"]) == 0
    assert "| 10 epochs | train accuracy " in capsys.readouterr().out
    assert main(["claims", "--quick"]) == 0
    assert "not run" in capsys.readouterr().out
    assert main(["claims", "--quick", "--json"]) == 0
    assert {claim["report"] for claim in json.loads(capsys.readouterr().out)} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("words", "text"),
    [(["nosuch"], "report1/table1"), (["claims", "--nonsense"], "--nonsense"),
     (["study", "--data-dir", "no/such/place", "--quick"], "no/such/place"),
     (["study", "--jobs", "0"], "jobs must be at least 1, found 0"),
     (["report4/mlp", "--rows", "nosuch"], "nosuch"),
     (["report2/program", "--train", "--data-dir", "no/such/place"], "no/such/place")],
)  # fmt: skip
def test_invalid_input_is_one_line_and_exit_code_2(
    words: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("experiments: ")
    assert error.count("\n") == 1
    assert text in error


@pytest.mark.parametrize("failed", [[], ["report1/table1: a row: the loss is nan"]])
def test_a_study_with_failures_lists_them_and_ends_with_1(
    failed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(study, "run", lambda *_: failed)
    assert main(["study", "--jobs", "1"]) == len(failed)
    text = capsys.readouterr().out
    assert all(line in text for line in failed)


def test_a_study_that_was_stopped_prints_the_command_that_resumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def stop(*_: object) -> list[str]:
        raise Stopped(15)

    monkeypatch.setattr(study, "run", stop)
    assert main(["study", "--quick", "--jobs", "1"]) == 143
    assert "python -m experiments study --quick --jobs 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "folder"), [([], RESULTS), (["--quick"], Path("runs/quick/results"))]
)
def test_the_page_is_built_from_the_results(
    words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    built: list[Path] = []
    module = SimpleNamespace(build=lambda log, data, results: built.append(results))
    monkeypatch.setitem(sys.modules, "experiments.site.build", module)
    assert main(["page", *words]) == 0
    assert built == [folder]


def test_the_tables_of_documents_are_written(tmp_path: Path, capsys: pytest.CaptureFixture):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- table: report1/tuned -->\n<!-- end -->\n", "utf-8")
    assert main(["tables", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"Changed: {readme}\n"
    assert documents.table("report1/tuned") in readme.read_text("utf-8")
