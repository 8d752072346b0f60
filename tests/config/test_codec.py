import json
from collections.abc import Callable
from typing import Protocol

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from fmnist_jax.config.codec import complete, decode, encode
from fmnist_jax.errors import UserError
from fmnist_jax.models import five_conv
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.names import NAMES as MODEL_NAMES
from fmnist_jax.scratch import NAMES
from fmnist_jax.scratch.activations import ACTIVATIONS, RELU, Activation
from fmnist_jax.scratch.initializers import INITIALIZERS, he_normal
from fmnist_jax.scratch.losses import LOSSES
from fmnist_jax.scratch.mlp import MLPConfig


def double(x: float) -> float:
    return 2 * x


def halve(x: float) -> float:
    return x / 2


@frozen
class Step:
    function: Callable[[float], float]


class Shape(Protocol):
    """What `Square` and `Circle` both are."""

    def area(self) -> float: ...


@frozen
class Square:
    side: float = 1.0
    step: Step | None = None

    def area(self) -> float:
        return self.side**2


@frozen
class Circle:
    radius: int = 1

    def area(self) -> float:
        return 3.0 * self.radius**2


@frozen
class Steps:
    functions: tuple[Step, ...] = ()


STEPS = {"double": Step(double), "halve": Step(halve)}
TABLES = {Step: STEPS, Shape: {"square": Square, "circle": Circle}}


@frozen
class Inner:
    steps: tuple[Step, ...] = (STEPS["double"],)
    size: int = 3


@frozen
class Outer:
    name: str
    inner: Inner = field(factory=Inner)
    step: Step | None = None
    rate: float | None = None
    shape: Shape = Circle()
    shapes: tuple[Shape, ...] = ()

    def __attrs_post_init__(self) -> None:
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
            Outer("a"),
            {
                "name": "a",
                "inner": {"steps": ["double"], "size": 3},
                "step": None,
                "rate": None,
                "shape": {"type": "circle", "radius": 1},
                "shapes": [],
            },
        ),
        (
            Outer(
                "b",
                Inner((STEPS["halve"], STEPS["double"]), 1),
                rate=0.5,
                shape=Square(2.0, STEPS["halve"]),
                shapes=(Circle(7), Square()),
            ),
            {
                "name": "b",
                "inner": {"steps": ["halve", "double"], "size": 1},
                "step": None,
                "rate": 0.5,
                "shape": {"type": "square", "side": 2.0, "step": "halve"},
                "shapes": [
                    {"type": "circle", "radius": 7},
                    {"type": "square", "side": 1.0, "step": None},
                ],
            },
        ),
    ],
)
def test_behaviours_are_written_by_name_and_instances_with_their_type(
    config: Outer, encoded: dict
) -> None:
    assert json.loads(json.dumps(encode(config, TABLES))) == encoded
    assert decode(Outer, encoded, TABLES, "file.json") == config


def test_missing_fields_take_their_defaults() -> None:
    assert decode(MLPConfig, {}, NAMES, "file.json") == MLPConfig()
    assert decode(Outer, {"name": "a"}, TABLES, "file.json") == Outer("a")
    values = {"name": "a", "shape": {"type": "square"}}
    assert decode(Outer, values, TABLES, "file.json") == Outer("a", shape=Square())


def test_a_behaviour_without_a_name_cannot_be_saved() -> None:
    own = Activation("own", RELU.forward, RELU.backward)
    with pytest.raises(UserError, match=r"has no name, so it can't be saved: known are gelu, "):
        encode(MLPConfig(activations=(own,)), NAMES)


def test_an_instance_of_an_unknown_type_cannot_be_saved() -> None:
    class Own:
        def area(self) -> float:
            return 0.0

    with pytest.raises(UserError, match=r"Own.* has no name, .* known are circle, square$"):
        encode(Outer("a", shape=Own()), TABLES)


def test_a_plain_function_is_found_by_name() -> None:
    assert encode(MLPConfig(initializer=he_normal), NAMES)["initializer"] == "he-normal"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name"),
        ({"name": "a", "color": 1}, "color"),
        ({"name": "a", "inner": {"size": "many"}}, "size"),
        ({"name": "a", "inner": {"steps": ["treble"]}}, "unknown step 'treble'"),
        ({"name": "a", "inner": {"steps": [3]}}, "unknown step 3: known are double, halve"),
        ({"name": "a", "inner": {"steps": 3}}, "steps"),
        ({"name": "a", "inner": None}, "inner"),
        ({"name": "a", "rate": -1.0}, "rate must be at least 0, found -1.0"),
        ({"name": "a", "shape": {}}, "unknown shape None: known are circle, square"),
        ({"name": "a", "shape": {"type": "line"}}, "unknown shape 'line': known are circle, squ"),
        ({"name": "a", "shape": {"type": ["square"]}}, "unknown shape ['square']: known are"),
        ({"name": "a", "shape": {"type": "circle", "side": 1}}, "side"),
        ({"name": "a", "shape": "circle"}, "expected the fields of a Shape, found str"),
        ({"name": "a", "shapes": [{"type": "square"}, 1]}, "the fields of a Shape, found int"),
        ([], "file.json"),
        (None, "file.json"),
        ("text", "file.json"),
        (3, "file.json"),
    ],
)
def test_an_invalid_value_is_named_in_one_line(values: object, message: str) -> None:
    with pytest.raises(UserError) as caught:
        decode(Outer, values, TABLES, "file.json")
    found = str(caught.value)
    assert found.startswith("file.json: ")
    assert message in found
    assert "\n" not in found


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


def test_a_type_of_two_words_is_named_in_words() -> None:
    with pytest.raises(UserError, match="unknown pooling plan 'median': known are avg, global"):
        decode(FiveConv, {"pooling": "median"}, MODEL_NAMES, "made.json")
    values = {"pooling": "global-at-end", "filters": [1, 2, 3, 4, 5]}
    assert decode(FiveConv, values, MODEL_NAMES, "made.json") == FiveConv(
        (1, 2, 3, 4, 5), pooling=five_conv.GLOBAL_AT_END
    )


def test_complete_adds_the_defaults_of_newer_fields() -> None:
    values = {"name": "a", "inner": {"size": 5}}
    found = complete(Outer, values, TABLES, "file.json")
    assert found == encode(Outer("a", Inner(size=5)), TABLES)
    unknown = {"name": "a", "color": 1}
    assert complete(Outer, unknown, TABLES, "file.json") is unknown


def test_one_name_stands_for_a_field_of_several():
    both = Steps((STEPS["double"], STEPS["halve"]))
    assert decode(Steps, encode(both, TABLES), TABLES, "file") == both
    assert decode(Steps, {"functions": "halve"}, TABLES, "file") == Steps((STEPS["halve"],))
    with pytest.raises(UserError, match=r"file: .*unknown step 'triple': known are double, halve"):
        decode(Steps, {"functions": ["triple"]}, TABLES, "file")
