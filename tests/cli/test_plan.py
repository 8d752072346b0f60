import pytest
from attrs import frozen

from fmnist_jax.cli.plan import parse_plan
from fmnist_jax.errors import UserError
from fmnist_jax.runs.presets import mlp, pipeline


@frozen
class Options:
    """How often."""

    times: int = 1
    """How many times."""


def test_the_options_of_a_network_and_those_of_the_command():
    plan, options = parse_plan("made", ["mlp", "--epochs", "3", "--times", "5"], Options)
    assert plan.run.stages[0].training.epochs == 3
    assert options == Options(5)
    plan, options = parse_plan("made", ["mlp"], Options)
    assert plan.run.stages[0].model == mlp.MODEL
    assert options == Options()


def test_only_the_pipelines_mlp_has_prefixes():
    words = ["pipeline", "--epochs", "3", "--mlp-training.epochs", "4", "--times", "5"]
    plan, options = parse_plan("made", words, Options)
    assert [stage.training.epochs for stage in plan.run.stages] == [3, 4]
    assert plan.run.stages[0].model == pipeline.NETWORK.network
    assert options == Options(5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mlp", "--times", "x"], "--times"),
        (["mlp", "--mlp-training.epochs", "4"], "--mlp-training"),
        (["tall"], "unknown network 'tall': known are backbone, five-conv"),
    ],
)
def test_invalid_words_are_refused_in_one_line(words: list[str], message: str):
    with pytest.raises(UserError, match=message) as error:
        parse_plan("made", words, Options)
    assert "\n" not in str(error.value)


def test_the_help_describes_all_parameters(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        parse_plan("made", ["mlp", "--help"], Options, "Repeat")
    words = " ".join(capsys.readouterr().out.split())
    for expected in ("Repeat the scratch MLP", "--dropout", "--times", "How many times."):
        assert expected in words
    for unexpected in ("Args:", "Train the"):
        assert unexpected not in words
