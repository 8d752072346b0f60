import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_jax.cli import app


def test_help_names_every_command(cli: Callable):
    code, out, _ = cli("--help")
    assert code == 0
    for name in app.COMMANDS:
        assert name in out


@pytest.mark.parametrize("command", app.COMMANDS)
def test_every_command_has_help(cli: Callable, command: str):
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert f"fmnist-jax {command}" in out


def test_no_command_exits_with_2(cli: Callable):
    assert cli().code == 2


def test_an_unknown_command_is_refused_with_the_known_ones(cli: Callable):
    code, out, err = cli("trian")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "'trian'" in err
    assert "data, evaluate, gradcheck, predict, summary, train" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gradcheck", "--nonsense"), "--nonsense"),
        (("train", "--epochs", "1.5"), "--epochs"),
        (("evaluate", "made", "--split", "all"), "'all'"),
        (("evaluate",), "CHECKPOINT"),
    ],
)
def test_options_that_do_not_fit_are_one_line_and_exit_code_2(
    cli: Callable, words: tuple[str, ...], message: str
):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert f"see fmnist-jax {words[0]}" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gradcheck", "--activations", "swish"), "unknown activation 'swish': known are gelu"),
        (("gradcheck", "--initializer", "zero"), "unknown initializer 'zero': known are he-normal"),
        (("gradcheck", "--layer-sizes", "784"), "layer_sizes"),
        (("train", "--optimizer", "lbfgs"), "unknown optimizer 'lbfgs': known are adam"),
        (("train", "--batch-size", "0"), "batch_size"),
        (
            ("train", "vgg"),
            "unknown network 'vgg': known are backbone, five-conv, lenet, mlp",
        ),
        (("train", "--filters", "8", "8"), "filters must be five, one a convolution, found 2"),
        (("train", "--filters", "8", "8", "8", "8", "0"), "filters must be a whole number from 1"),
        (("train", "five-conv", "--kernels", "28", "--strides", "9"), "block 2"),
        (("train", "five-conv", "--kernels", "3", "3"), "kernels must be one"),
        (
            ("train", "five-conv", "--pooling", "median"),
            "unknown pooling plan 'median': known are avg",
        ),
        (("train", "five-conv", "--initializer", "zero"), "unknown initializer 'zero'"),
        (("train", "lenet", "--loss", "hinge"), "unknown loss 'hinge': known are softmax-cross"),
        (("train", "backbone", "--hidden", "0"), "hidden"),
        (("train", "--mlp.layer-sizes", "100", "10"), "256 features of stage convnet, found 100"),
        (("train", "--mlp.layer-sizes", "256", "9"), "10 classes of stage convnet, found 9"),
        (("train", "--extractor", "no-such-checkpoint"), "no-such-checkpoint: not found"),
        (
            ("train", "--extractor", "report1-mlp"),
            "a checkpoint with the stages mlp; name one with",
        ),
        (("train", "--extractor", "report1-mlp", "--epochs", "3"), "leave out the options"),
        (
            ("train", "mlp", "--layer-sizes", "100", "10", "--source", "synthetic"),
            "of shape (100,)",
        ),
        (
            ("train", "mlp", "--layer-sizes", "784", "9", "--source", "synthetic"),
            "set's 10 classes",
        ),
        (("data", "--data-dir", "no/such/place"), "no/such/place"),
        (("data", "--source", "ftp"), "unknown data source 'ftp'"),
        (("predict", "no-such-checkpoint", "shirt.png"), "no-such-checkpoint"),
        (("predict", "report1-mlp"), "IMAGES"),
        (("evaluate", "no-such-checkpoint"), "no-such-checkpoint"),
    ],
)
def test_invalid_input_is_one_line_and_exit_code_2(
    cli: Callable, words: tuple[str, ...], message: str, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli(*words)
    assert code == 2
    assert err.startswith("fmnist-jax: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.glob("runs/*"))


def test_debug_shows_the_traceback():
    command = [sys.executable, "-m", "fmnist_jax", "--debug", "data", "--data-dir", "no/such/place"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_a_full_disk_exits_with_2(cli: Callable, monkeypatch: pytest.MonkeyPatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = app.main(["--help"])
        monkeypatch.undo()
        assert code == 2
        with contextlib.suppress(OSError):
            full.close()


@pytest.mark.parametrize("words", [["--help"], ["gradcheck", "--layer-sizes", "3", "2"]])
def test_a_closed_pipe_ends_the_command_quietly(words: list[str]):
    command = [sys.executable, "-m", "fmnist_jax", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait() == 128 + signal.SIGPIPE
    assert error == b""


def test_interruption_exits_with_130(cli: Callable, monkeypatch: pytest.MonkeyPatch):
    from fmnist_jax.cli import data

    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "main", interrupted)
    code, _, err = cli("data")
    assert (code, err) == (130, "fmnist-jax: interrupted\n")


def test_a_lack_of_memory_is_one_line(cli: Callable, monkeypatch: pytest.MonkeyPatch):
    def fail(words: object) -> int:
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte.\nBuffers:\n1")

    monkeypatch.setattr(app, "run", fail)
    assert cli("train") == (
        2,
        "",
        "fmnist-jax: not enough memory: use a smaller model, batch or input\n",
    )


def test_any_other_runtime_error_keeps_its_traceback(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
):
    def fail(words: object) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr(app, "run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        cli("train")
