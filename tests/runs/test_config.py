"""Runs and their stages: what fits together, and their stored form."""

import json
import re
from typing import Any

import pytest
from attrs import evolve

from fmnist_jax.config.codec import decode, encode
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.views import mirrored_views
from fmnist_jax.runs.config import NAMES, Run, Stage
from fmnist_jax.runs.presets import PRESETS
from fmnist_jax.runs.presets.base import default_run
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.augmentation import flip
from fmnist_jax.training.config import TrainingConfig

CONVNET = Stage("convnet", ConvNetConfig((Block(4, 3, 4),), hidden=(5,)), TrainingConfig(), UNIT)
MLP = Stage("mlp", MLPConfig((36, 8, 10)), TrainingConfig(), Z_SCORE)
LAST = Stage("last", MLPConfig((8, 10)), TrainingConfig(), UNIT)


def test_each_stage_takes_the_features_of_the_one_before():
    assert Run((CONVNET,)).stages == (CONVNET,)
    assert Run([CONVNET, MLP]).stages == (CONVNET, MLP)  # pyright: ignore[reportArgumentType]
    assert Run((CONVNET, MLP, LAST)).data == DataConfig()


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((), "stages must be a sequence of 1 or more, found ()"),
        (None, "stages must be a sequence of 1 or more, found None"),
        (CONVNET, "stages must be a sequence of 1 or more, found Stage"),
        ((CONVNET, "mlp"), 'stages[1] must be of type Stage, such as Stage("mlp", MLPConfig(), '),
        (
            (CONVNET, evolve(MLP, name="convnet")),
            "stages must be of different names, found ['convn",
        ),
        (
            (CONVNET, evolve(MLP, model=MLPConfig((35, 10)))),
            "stage mlp: its model must take the 36 features of stage convnet, found 35 inputs",
        ),
        (
            (CONVNET, evolve(MLP, model=MLPConfig((36, 9)))),
            "stage mlp: its model must have the 10 classes of stage convnet, found 9",
        ),
        (
            (CONVNET, MLP, evolve(LAST, model=MLPConfig((36, 10)))),
            "stage last: its model must take the 8 features of stage mlp, found 36 inputs",
        ),
        (
            (CONVNET, evolve(MLP, training=TrainingConfig(augmentation=flip))),
            "stage mlp: augmentation must be none, since features are not images",
        ),
        (
            (CONVNET, evolve(MLP, views=mirrored_views)),
            "stage mlp: views must be one, since features are not images",
        ),
    ],
)
def test_stages_that_do_not_fit_are_refused(stages: Any, message: str):
    with pytest.raises(UserError, match=re.escape(message)) as error:
        Run(stages)
    assert "\n" not in str(error.value)


def test_the_images_of_the_first_stage_may_be_augmented():
    augmented = evolve(CONVNET, training=TrainingConfig(augmentation=flip))
    assert Run((augmented, MLP)).stages[0].training.augmentation == (flip,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "five conv"}, "name must be a short name of lower-case letters, digits and _"),
        ({"name": "../etc"}, "name must be a short name"),
        ({"name": ""}, "name must be a short name"),
        ({"name": 3}, "name must be a short name of lower-case letters, digits and _, found 3"),
        ({"model": None}, "model must be a network's configuration, such as .* found None"),
        (
            {"model": FiveConv()},
            r"model must be a network's configuration, such as MLPConfig\(\) or "
            r"FiveConv\(\)\.network, found FiveConv$",
        ),
        ({"model": MLPConfig}, "model must be a network's configuration, .* found type"),
        ({"training": 5}, "training must be of type TrainingConfig, .* found 5"),
        ({"training": None}, "training must be of type TrainingConfig, .* found None"),
        ({"scaling": "unit"}, "scaling must be of type Scaling, .* found 'unit'"),
    ],
)
def test_stages_with_fields_of_another_type_are_refused(fields: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        evolve(CONVNET, **fields)


@pytest.mark.parametrize(("data", "found"), [({"seed": 1}, "dict"), ("synthetic", "'synthetic'")])
def test_data_of_another_type_is_refused(data: Any, found: str):
    with pytest.raises(UserError, match=f"data must be of type DataConfig, .* found {found}"):
        Run((CONVNET,), data)


def test_a_training_that_needs_a_validation_split_is_refused_without_one():
    data = DataConfig(validation_fraction=0)
    with pytest.raises(
        UserError, match=r"^stage convnet: without a validation split .*keep must be"
    ):
        Run((CONVNET,), data)
    training = evolve(CONVNET.training, keep="last", patience=None)
    assert Run((evolve(CONVNET, training=training),), data).data.validation_fraction == 0


def test_training_settings_are_changed_in_every_stage():
    changed = Run((CONVNET, MLP)).with_training(seed=7, epochs=1)
    assert [stage.training for stage in changed.stages] == [TrainingConfig(seed=7, epochs=1)] * 2
    assert changed.with_training(seed=0, epochs=200) == Run((CONVNET, MLP))


@pytest.mark.parametrize("name", PRESETS)
def test_json_and_back_gives_the_same_run(name: str):
    run = default_run(PRESETS[name])
    stored = json.loads(json.dumps(encode(run, NAMES)))
    assert decode(Run, stored, NAMES, "file.json") == run


def test_the_stored_form():
    stored = json.loads(json.dumps(encode(Run((CONVNET, MLP)), NAMES)))
    assert list(stored) == ["stages", "data"]
    first, second = stored["stages"]
    assert list(first) == ["name", "model", "training", "scaling", "views"]
    assert (first["name"], first["model"]["type"], first["scaling"]) == (
        "convnet", "convnet", "unit",
    )  # fmt: skip
    assert (second["model"]["type"], second["model"]["layer_sizes"]) == ("mlp", [36, 8, 10])
    assert second["training"]["min_delta"] == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "rnn"}, "unknown model config 'rnn': known are convnet, mlp"),
        ({"layer_sizes": [35, 10]}, "must take the 36 features of stage convnet, found 35 inputs"),
        ({"blocks": []}, "blocks"),
    ],
)
def test_an_invalid_stored_run_is_refused_in_one_line(change: dict, message: str):
    stored = json.loads(json.dumps(encode(Run((CONVNET, MLP)), NAMES)))
    stored["stages"][1]["model"].update(change)
    with pytest.raises(UserError, match=message) as error:
        decode(Run, stored, NAMES, "file.json")
    assert str(error.value).startswith("file.json: ")
    assert "\n" not in str(error.value)
