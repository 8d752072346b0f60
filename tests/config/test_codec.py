import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_jax import models as networks
from fmnist_jax.config.codec import decode, encode
from fmnist_jax.errors import UserError
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.scratch import NAMES
from fmnist_jax.scratch.activations import ACTIVATIONS, RELU, Activation
from fmnist_jax.scratch.initializers import INITIALIZERS, he_normal
from fmnist_jax.scratch.losses import LOSSES
from fmnist_jax.scratch.mlp import MLPConfig


def double(x: float) -> float:
    return 2 * x


def halve(x: float) -> float:
    return x / 2


@dataclass(frozen=True)
class Step:
    function: Callable[[float], float]


STEPS = {"double": Step(double), "halve": Step(halve)}
TABLES = {Step: STEPS}


@dataclass(frozen=True)
class Part:
    steps: tuple[Step, ...] = (STEPS["double"],)
    size: int = 3


@dataclass(frozen=True)
class Whole:
    name: str
    part: Part = field(default_factory=Part)
    step: Step | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and self.rate < 0:
            raise UserError(f"rate must be at least 0, found {self.rate}")


mlp_configurations = st.integers(0, 3).flatmap(
    lambda hidden: st.builds(
        MLPConfig,
        layer_sizes=st.tuples(*[st.integers(1, 900)] * (hidden + 2)),
        activations=st.one_of(
            st.tuples(st.sampled_from(list(ACTIVATIONS.values()))),
            st.tuples(*[st.sampled_from(list(ACTIVATIONS.values()))] * hidden),
        ),
        dropout=st.floats(0, 1, exclude_max=True),
        initializer=st.sampled_from(list(INITIALIZERS.values())),
        l2=st.floats(0, 1e6),
        loss=st.sampled_from(list(LOSSES.values())),
    )
)


@given(mlp_configurations)
def test_json_and_back_gives_the_same_configuration(config: MLPConfig) -> None:
    text = json.dumps(encode(config, NAMES))
    assert decode(MLPConfig, json.loads(text), NAMES, "file.json") == config


@pytest.mark.parametrize(
    ("config", "encoded"),
    [
        (
            Whole("a"),
            {
                "name": "a",
                "part": {"steps": ["double"], "size": 3},
                "step": None,
                "rate": None,
            },
        ),
        (
            Whole("b", Part((STEPS["halve"], STEPS["double"]), 1), rate=0.5),
            {
                "name": "b",
                "part": {"steps": ["halve", "double"], "size": 1},
                "step": None,
                "rate": 0.5,
            },
        ),
    ],
)
def test_behaviours_are_written_by_name(config: Whole, encoded: dict) -> None:
    assert json.loads(json.dumps(encode(config, TABLES))) == encoded
    assert decode(Whole, encoded, TABLES, "file.json") == config


def test_what_is_missing_takes_its_default() -> None:
    assert decode(MLPConfig, {}, NAMES, "file.json") == MLPConfig()
    assert decode(Whole, {"name": "a"}, TABLES, "file.json") == Whole("a")


def test_ones_own_behaviour_cannot_be_saved() -> None:
    own = Activation("own", RELU.forward, RELU.backward)
    with pytest.raises(UserError, match=r"has no name, so it can't be saved: known are gelu, "):
        encode(MLPConfig(activations=(own,)), NAMES)


def test_a_plain_function_is_found_by_name() -> None:
    assert encode(MLPConfig(initializer=he_normal), NAMES)["initializer"] == "he-normal"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "name"),
        ({"name": "a", "color": 1}, "color"),
        ({"name": "a", "part": {"size": "many"}}, "size"),
        ({"name": "a", "part": {"steps": ["treble"]}}, "unknown step 'treble'"),
        ({"name": "a", "part": {"steps": [3]}}, "unknown step 3: known are double, halve"),
        ({"name": "a", "part": {"steps": 3}}, "steps"),
        ({"name": "a", "part": None}, "part"),
        ({"name": "a", "rate": -1.0}, "rate must be at least 0, found -1.0"),
        ([], "file.json"),
        (None, "file.json"),
        ("text", "file.json"),
        (3, "file.json"),
    ],
)
def test_a_value_that_cannot_be_is_named_in_one_line(values: object, said: str) -> None:
    with pytest.raises(UserError) as caught:
        decode(Whole, values, TABLES, "file.json")
    message = str(caught.value)
    assert message.startswith("file.json: ")
    assert said in message
    assert "\n" not in message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=6,
)
FIELDS = ["layer_sizes", "activations", "dropout", "initializer", "l2", "loss"]


@given(json_values | st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_json_gives_a_configuration_or_a_clear_refusal(values: object) -> None:
    try:
        config = decode(MLPConfig, values, NAMES, "file.json")
    except UserError as error:
        message = str(error)
    else:
        assert decode(MLPConfig, encode(config, NAMES), NAMES, "file.json") == config
        return
    assert message.startswith("file.json: ")
    assert "\n" not in message


def test_a_kind_of_two_words_is_told_as_two():
    with pytest.raises(UserError, match="unknown pooling plan 'median': known are avg, global"):
        decode(FiveConv, {"pooling": "median"}, networks.NAMES | NAMES, "made.json")
