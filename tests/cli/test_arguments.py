import pytest
from attrs import frozen

from fmnist_jax import scratch
from fmnist_jax.cli.arguments import Unprefixed, call, json_text, parse
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
    assert parse(two, "made", words, scratch.NAMES, prefixes=True) == (3, 4)


def test_json_is_indented():
    assert json_text({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
