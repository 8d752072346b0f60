"""Fitted stages: each on the features of the one before."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.models.stages import (
    FittedStage,
    StageArrays,
    StageProgram,
    compute_logits,
    fingerprint,
    fingerprint_stages,
    logits,
    split_stages,
)
from fmnist_jax.models.views import mirrored_views
from fmnist_jax.scratch.mlp import MLPConfig
from tests.compiling import quick_jit

CONVNET = ConvNetConfig((Block(2, 3, 4), Block(4, 1)), hidden=(5,))
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
STATISTICS = {
    "mean": np.full((1, 4), 0.1, np.float32),
    "standard_deviation": np.array([[0.5, 1, 2, 3]], np.float32),
}


@pytest.fixture(scope="module")
def stages() -> tuple[FittedStage, FittedStage, FittedStage]:
    """A convolutional network, an MLP on its features, an MLP on that one's."""
    mlp, last = MLPConfig((4, 6, 10)), MLPConfig((6, len(CLASS_NAMES)))
    first, second, third = (
        config.build().init(jax.random.key(seed))
        for seed, config in enumerate((CONVNET, mlp, last))
    )
    return (
        FittedStage("convnet", CONVNET, UNIT, first, {}),
        FittedStage("mlp", mlp, Z_SCORE, second, STATISTICS),
        FittedStage("last", last, UNIT, third, {}),
    )


def test_one_stage_is_its_network_on_scaled_images(stages: tuple[FittedStage, ...]):
    inputs = jnp.asarray(UNIT.apply({}, IMAGES))
    expected = CONVNET.build().apply(stages[0].variables, inputs)
    np.testing.assert_allclose(logits(stages[:1], IMAGES), expected, rtol=1e-5, atol=1e-6)


def test_each_stage_takes_the_scaled_features_of_the_one_before(stages: tuple[FittedStage, ...]):
    inputs = jnp.asarray(UNIT.apply({}, IMAGES))
    features = np.asarray(CONVNET.build().features(stages[0].variables, inputs), np.float64)
    scaled = (features / 255 - 0.1) / np.array([0.5, 1, 2, 3])
    hidden, output = stages[1].variables.parameters
    hidden_units = np.maximum(scaled @ np.asarray(hidden.W) + np.asarray(hidden.b), 0)
    expected = hidden_units @ np.asarray(output.W) + np.asarray(output.b)
    found = logits(stages[:2], IMAGES)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0
    (layer,) = stages[2].variables.parameters
    expected = hidden_units / 255 @ np.asarray(layer.W) + np.asarray(layer.b)
    np.testing.assert_allclose(logits(stages, IMAGES), expected, rtol=1e-4, atol=1e-5)


def test_logits_are_averaged_over_the_views_of_the_last_stage():
    config = MLPConfig((784, 10))
    variables = config.build().init(jax.random.key(0))
    one = FittedStage("mlp", config, UNIT, variables, {})
    both = evolve(one, views=mirrored_views)
    expected = 0.5 * (logits([one], IMAGES) + logits([one], IMAGES[:, :, ::-1]))
    np.testing.assert_allclose(logits([both], IMAGES), expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(logits([one], IMAGES), expected, rtol=1e-3)


def test_stages_are_split_into_a_static_part_and_arrays(stages: tuple[FittedStage, ...]):
    programs, arrays = split_stages(stages)
    assert programs == tuple(
        StageProgram(stage.model.build(), stage.scaling, stage.views) for stage in stages
    )
    assert hash(programs) == hash(split_stages(stages)[0])
    assert arrays == tuple(StageArrays(stage.variables, stage.statistics) for stage in stages)
    compiled = quick_jit(compute_logits, static_argnames="programs")
    np.testing.assert_allclose(
        compiled(programs, arrays, IMAGES), logits(stages, IMAGES), rtol=1e-4, atol=1e-6
    )


def test_equal_stages_with_other_arrays_share_one_program(stages: tuple[FittedStage, ...]):
    chex.clear_trace_counter()
    compiled = quick_jit(chex.assert_max_traces(compute_logits, n=1), static_argnames=("programs",))
    for seed in range(3):
        drawn = [
            evolve(stage, variables=stage.model.build().init(jax.random.key(seed)))
            for stage in stages[1:]
        ]
        compiled(*split_stages(drawn), np.zeros((2, 4), np.float32))


def test_a_fingerprint_distinguishes_values_names_shapes_and_types():
    one = {"a": np.arange(6, dtype=np.float32), "b": np.zeros(2, np.float32)}
    others = [
        {**one, "a": one["a"] + np.float32(1e-7)},
        {**one, "a": one["a"].reshape(2, 3)},
        {**one, "a": one["a"].view(np.int32)},
        {"b": one["a"], "a": one["b"]},
        {"a": one["a"]},
    ]
    prints = {fingerprint(tree) for tree in [one, *others]}
    assert len(prints) == 6
    assert fingerprint(jax.tree.map(jnp.asarray, one)) == fingerprint(one)


def test_a_fingerprint_of_stages_depends_on_all_of_them(stages: tuple[FittedStage, ...]):
    assert fingerprint_stages([]) is None
    prints = {fingerprint_stages(part) for part in (stages, stages[:1], stages[1:], stages[::-1])}
    assert len(prints) == 4
    assert fingerprint_stages(list(stages)) == fingerprint_stages(stages)
