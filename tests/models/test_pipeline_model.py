import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models import functional
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.pipeline_model import (
    PipelineConfig,
    PipelineParameters,
    fingerprint,
    pipeline_model,
)
from fmnist_jax.scratch.mlp import MLPConfig
from tests.compiling import quick_jit

NETWORK = FiveConv(filters=(2, 2, 3, 3, 4), kernels=(3, 1, 1, 1, 1), hidden=5).network
CONFIG = PipelineConfig(NETWORK, MLPConfig((4, 6, 10)))


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ((5, 10), "begin with the 4 features of the network, found 5"),
        ((4, 9), "end with the 10 classes of the network, found 9"),
    ],
)
def test_an_mlp_that_does_not_fit_the_network_is_refused(sizes: tuple[int, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        PipelineConfig(NETWORK, MLPConfig(sizes))


def test_a_network_has_to_be_described_by_its_blocks() -> None:
    with pytest.raises(UserError, match=r"as FiveConv\(\)\.network is, found FiveConv$"):
        PipelineConfig(FiveConv(), MLPConfig((512, 10)))  # pyright: ignore[reportArgumentType]


def test_parts_of_another_type_are_told() -> None:
    with pytest.raises(UserError, match=r"mlp must be of type MLPConfig, .* found \(4, 10\)"):
        PipelineConfig(NETWORK, (4, 10))  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        UserError, match=r"feature_scaling must be of type Scaling, .* found 'unit'"
    ):
        PipelineConfig(NETWORK, CONFIG.mlp, "unit")  # pyright: ignore[reportArgumentType]


def test_it_is_the_network_then_the_scaling_then_the_mlp() -> None:
    model = pipeline_model(CONFIG)
    parameters = model.init(jax.random.key(0))
    statistics = {
        "mean": jnp.full((1, 4), 0.1, jnp.float32),
        "standard_deviation": jnp.array([[0.5, 1, 2, 3]], jnp.float32),
    }
    parameters = parameters._replace(feature_statistics=statistics)
    images = jax.random.normal(jax.random.key(1), (3, 28, 28))
    features = quick_jit(functional.features, static_argnames="config")
    features = np.asarray(features(parameters.network, images, NETWORK), np.float64)
    scaled = (features / 255 - 0.1) / np.array([0.5, 1, 2, 3])
    hidden, output = parameters.mlp
    expected = np.maximum(scaled @ np.asarray(hidden.W) + np.asarray(hidden.b), 0)
    expected = expected @ np.asarray(output.W) + np.asarray(output.b)
    found = quick_jit(model.apply)(parameters, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0


def test_init_has_the_shapes_that_training_leaves() -> None:
    parameters = pipeline_model(CONFIG).init(jax.random.key(0))
    assert isinstance(parameters, PipelineParameters)
    assert parameters.feature_statistics["mean"].shape == (1, 4)
    assert [layer.W.shape for layer in parameters.mlp] == [(4, 6), (6, 10)]
    without = PipelineConfig(NETWORK, CONFIG.mlp, feature_scaling=UNIT)
    assert pipeline_model(without).init(jax.random.key(0)).feature_statistics == {}


def test_a_fingerprint_tells_values_names_shapes_and_types_apart() -> None:
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
