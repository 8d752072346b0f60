import inspect

import pytest
from attrs import frozen

from fmnist_jax import scratch
from fmnist_jax.cli.arguments import Unprefixed, call, json_text, parse, with_parameter
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import GELU, RELU, Activation
from fmnist_jax.scratch.mlp import MLPConfig


@frozen
class Options:
    count: int = 1
    activation: Activation = RELU


def command(options: Options, loud: bool = False) -> tuple[Options, bool]:
    return options, loud


def test_fields_are_options_without_their_owners_name_and_names_become_behaviours():
    words = ["--count", "3", "--activation", "gelu", "--loud"]
    assert call(command, "made", words, scratch.NAMES) == (Options(3, GELU), True)
    assert call(command, "made", [], scratch.NAMES) == (Options(), False)


def test_a_name_for_each_layer():
    words = ["--layer-sizes", "9", "5", "4", "3", "--activations", "relu", "gelu"]
    config = parse(MLPConfig, "made", words, scratch.NAMES)
    assert config == MLPConfig((9, 5, 4, 3), (RELU, GELU))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "x"], "--count"),
        (["--activation", "swish"], "unknown activation 'swish': known are gelu"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_invalid_words_are_refused_in_one_line(words: list[str], message: str):
    with pytest.raises(UserError) as error:
        parse(Options, "made", words, scratch.NAMES)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_errors_of_the_command_itself_pass_through():
    def failing(options: Options) -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        call(failing, "made", [], scratch.NAMES)


def test_options_can_begin_with_their_parameters_name():
    def two(first: Unprefixed[Options], second: Options) -> tuple[int, int]:
        return first.count, second.count

    words = ["--count", "3", "--second.count", "4"]
    assert call(two, "made", words, scratch.NAMES, prefixes=True) == (3, 4)


def act(options: tuple[Options, bool], times: int) -> tuple[int, bool]:
    first, loud = options
    return first.count * times, loud


TIMES = inspect.Parameter("times", inspect.Parameter.KEYWORD_ONLY, default=1, annotation=int)


def documented(options: Options, loud: bool = False) -> tuple[Options, bool]:
    """Count things.

    Args:
        options: What is counted.
        loud: Whether to shout.
    """
    return options, loud


def test_a_command_gets_one_parameter_more():
    longer = with_parameter(documented, act, TIMES, "How many times.")
    assert list(inspect.signature(longer).parameters) == ["options", "loud", "times"]
    assert call(longer, "made", ["--count", "3", "--times", "5"], scratch.NAMES) == (15, False)
    assert call(longer, "made", ["--count", "3", "--loud"], scratch.NAMES) == (3, True)
    with pytest.raises(UserError, match="--times"):
        call(longer, "made", ["--times", "x"], scratch.NAMES)


def test_the_help_describes_all_parameters(capsys: pytest.CaptureFixture):
    longer = with_parameter(documented, act, TIMES, "How many times.")
    with pytest.raises(SystemExit):
        call(longer, "made", ["--help"], scratch.NAMES)
    words = " ".join(capsys.readouterr().out.split())
    for expected in ("Count things.", "Whether to shout.", "--times", "How many times."):
        assert expected in words
    assert "Args:" not in words


def test_json_is_indented():
    assert json_text({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
