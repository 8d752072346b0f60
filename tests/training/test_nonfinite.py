from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.base import Model, scratch_mlp
from fmnist_jax.models.kinds import conv_net

from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.scratch.activations import RELU
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training import nonfinite as diagnosis
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import fit
from fmnist_jax.training.nonfinite import first_layer
from fmnist_jax.training.step import DeviceSplit
from tests.compiling import quick_jit

MLP = scratch_mlp(MLPConfig((784, 8, 6, 10), (RELU,), dropout=0.2, l2=0.1))
NETWORK = conv_net(FiveConv((2, 2, 2, 2, 3), (3, 1, 1, 1, 1), hidden=4).network)
NAMES = {
    "mlp": ["layer [0]", "layer [1]", "layer [2]"],
    "network": [f"layer ['blocks'][{n}]" for n in range(5)]
    + ["layer ['dense'][0]", "layer ['dense'][1]"],
}
RNG = np.random.default_rng(0)
INPUTS = jnp.asarray(RNG.random((6, 28, 28), np.float32))
LABELS = jnp.asarray(RNG.integers(0, 10, 6, np.int32))
KEY = jax.random.key(1)


class QuickJax:
    """`jax`, but that `jit` compiles quickly: each look at a step makes a program of its own."""

    jit = staticmethod(quick_jit)

    def __getattr__(self, name: str) -> Any:
        return getattr(jax, name)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "jax", QuickJax())


def weights_of(model: Model, layer: str) -> tuple[list, int, Any]:
    parameters = model.init(jax.random.key(0))
    leaves, structure = jax.tree_util.tree_flatten_with_path(parameters)
    matrices = [
        number
        for number, (path, leaf) in enumerate(leaves)
        if "layer " + jax.tree_util.keystr(path[:-1]) == layer and leaf.ndim > 1
    ]
    return [leaf for _, leaf in leaves], matrices[0], structure


@pytest.mark.parametrize(("name", "model"), [("mlp", MLP), ("network", NETWORK)])
def test_all_is_well_in_a_sound_step(name: str, model: Model):
    parameters = model.init(jax.random.key(0))
    assert first_layer(model.value_and_grad, parameters, INPUTS, LABELS, KEY) is None


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        *((MLP, layer) for layer in NAMES["mlp"]),
        *((NETWORK, layer) for layer in NAMES["network"]),
    ],
)
def test_the_layer_that_overflows_is_named(model: Model, layer: str):
    leaves, number, structure = weights_of(model, layer)
    # Finite, but not what comes of them; all the layers before let something through.
    leaves = [jnp.full_like(leaf, 0.5) for leaf in leaves]
    leaves[number] = jnp.full_like(leaves[number], 3e38)
    parameters = jax.tree.unflatten(structure, leaves)
    found = first_layer(model.value_and_grad, parameters, INPUTS, LABELS, KEY)
    assert found == layer


def test_weights_and_inputs_that_are_not_finite_are_named():
    leaves, number, structure = weights_of(MLP, "layer [1]")
    leaves[number] = leaves[number].at[0, 0].set(jnp.nan)
    parameters = jax.tree.unflatten(structure, leaves)
    assert first_layer(MLP.value_and_grad, parameters, INPUTS, LABELS, KEY) == "layer [1]"
    parameters = MLP.init(jax.random.key(0))
    wrong = INPUTS.at[0, 0, 0].set(jnp.inf)
    assert first_layer(MLP.value_and_grad, parameters, wrong, LABELS, KEY) == "the inputs"


def split(count: int) -> DeviceSplit:
    images = RNG.integers(0, 256, (count, 28, 28), np.uint8)
    return DeviceSplit(jnp.asarray(images), jnp.asarray(RNG.integers(0, 10, count, np.int32)))


def test_training_stops_with_the_step_and_the_layer():
    config = TrainingConfig(epochs=9, batch_size=8, learning_rate=30.0, patience=None)
    with pytest.raises(
        UserError, match=r"in epoch \d, step \d+ of 6, first in layer \[\d\]: lower"
    ):
        list(fit(MLP, config, split(45), split(20), UNIT, {}))


def test_a_validation_loss_is_traced_to_its_layer_too():
    # One validation image is brighter than float32 can take: its first layer overflows.
    def bright(parameters, inputs):
        return MLP.apply(parameters, jnp.where(inputs == 1.0, jnp.float32(3e38), inputs) * 10)

    validation = split(220)
    images = jnp.minimum(validation.images, 200).at[217, 3, 3].set(255)
    train = split(45)
    train = train._replace(images=jnp.minimum(train.images, 200))
    config = TrainingConfig(epochs=1, batch_size=8, patience=None)
    broken = MLP._replace(apply=bright)
    with pytest.raises(
        UserError, match=r"validation loss is .* after epoch 1, first in the inputs"
    ):
        list(fit(broken, config, train, validation._replace(images=images), UNIT, {}))
