from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax.config.model import Model, Variables
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import DivergedError
from fmnist_jax.models.config import Block, ConvNetConfig
from fmnist_jax.ops import pooling
from fmnist_jax.scratch.activations import RELU
from fmnist_jax.scratch.losses import one_hot
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.loop import fit, make_task
from fmnist_jax.training.nonfinite import Problem, find_layer, find_nonfinite
from fmnist_jax.training.step import DeviceSplit, TrainingData, put_on_device

MLP = MLPConfig((784, 8, 6, 10), (RELU,), dropout=0.2, l2=0.1).build()
# Kernels of one pixel compile faster than larger ones.
CONVNET = ConvNetConfig(
    (Block(2, 3, 4), Block(2, 1, pooling=pooling.NONE), Block(2, 1)), hidden=(4,)
).build()
NAMES = {
    "mlp": ["layer [0]", "layer [1]", "layer [2]"],
    "convnet": [f"layer ['blocks'][{number}]" for number in range(3)]
    + ["layer ['dense'][0]", "layer ['dense'][1]"],
}
RNG = np.random.default_rng(0)
INPUTS = jnp.asarray(RNG.random((6, 28, 28), np.float32))
TARGETS = one_hot(RNG.integers(0, 10, 6, np.int32), 10)
KEY = jax.random.key(1)


def find(model: Model, parameters: Any, inputs: jax.Array = INPUTS) -> str | None:
    """Find the first layer that isn't finite in a training step."""

    def step(parameters: Any, inputs: Any, targets: Any, key: Any) -> Any:
        return model.value_and_grad(Variables(parameters, {}), inputs, targets, key)

    return find_layer(step, parameters, inputs, TARGETS, KEY)


def weights_of(model: Model, layer: str) -> tuple[list, int, Any]:
    parameters = model.init(jax.random.key(0)).parameters
    leaves, structure = jax.tree_util.tree_flatten_with_path(parameters)
    matrices = [
        number
        for number, (path, leaf) in enumerate(leaves)
        if "layer " + jax.tree_util.keystr(path[:-1]) == layer and leaf.ndim > 1
    ]
    return [leaf for _, leaf in leaves], matrices[0], structure


@pytest.mark.parametrize("model", [MLP, CONVNET], ids=["mlp", "convnet"])
def test_nothing_is_found_in_a_finite_step(model: Model):
    assert find(model, model.init(jax.random.key(0)).parameters) is None


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        *((MLP, layer) for layer in NAMES["mlp"]),
        *((CONVNET, layer) for layer in NAMES["convnet"]),
    ],
)
def test_the_layer_that_overflows_is_named(model: Model, layer: str):
    leaves, number, structure = weights_of(model, layer)
    # The weights are finite, their products aren't; all layers before let something through.
    leaves = [jnp.full_like(leaf, 0.5) for leaf in leaves]
    leaves[number] = jnp.full_like(leaves[number], 3e38)
    assert find(model, jax.tree.unflatten(structure, leaves)) == layer


def test_weights_and_inputs_that_are_not_finite_are_named():
    leaves, number, structure = weights_of(MLP, "layer [1]")
    leaves[number] = leaves[number].at[0, 0].set(jnp.nan)
    assert find(MLP, jax.tree.unflatten(structure, leaves)) == "layer [1]"
    parameters = MLP.init(jax.random.key(0)).parameters
    assert find(MLP, parameters, INPUTS.at[0, 0, 0].set(jnp.inf)) == "the inputs"


def test_what_is_not_finite_after_an_epoch():
    variables = Variables({"W": jnp.ones(2)}, {"mean": jnp.zeros(2), "steps": jnp.int32(3)})
    losses, loss = jnp.array([2.0, 1.0]), jnp.float32(1.0)
    assert find_nonfinite(losses, variables, loss) is None
    found = find_nonfinite(losses.at[1].set(jnp.inf), variables, loss)
    assert found == Problem("the training loss is inf", 1)
    broken = Variables({"W": jnp.array([1.0, jnp.nan])}, variables.state)
    assert find_nonfinite(losses, broken, loss) == Problem("the weights ['W'] aren't finite", 1)
    broken = Variables(variables.parameters, {"mean": jnp.array([jnp.inf, 0.0])})
    assert find_nonfinite(losses, broken, loss) == Problem("the state ['mean'] isn't finite", 1)
    found = find_nonfinite(losses, variables, jnp.float32(jnp.nan))
    assert found == Problem("the validation loss is nan", None)


def random_split(count: int) -> DeviceSplit:
    images = RNG.integers(0, 256, (count, 28, 28), np.uint8)
    return put_on_device(images, RNG.integers(0, 10, count, np.int32), 10)


def run_to_the_end(model: Model, config: TrainingConfig, data: TrainingData) -> None:
    for _ in fit(make_task(model, UNIT, config, len(data.train.labels)), config, data):
        pass


def test_training_stops_with_the_step_and_the_layer():
    config = TrainingConfig(epochs=9, batch_size=8, learning_rate=30.0, patience=None)
    with pytest.raises(
        DivergedError, match=r"in epoch \d, step \d+ of 6, first in layer \[\d\]: lower"
    ):
        run_to_the_end(MLP, config, TrainingData(random_split(45), random_split(20), {}))


def test_a_validation_loss_is_traced_to_its_layer_too():
    # One validation image is too bright for float32.
    def bright(variables, inputs):
        return MLP.apply(variables, jnp.where(inputs == 1.0, jnp.float32(3e38), inputs) * 10)

    validation, train = random_split(220), random_split(45)
    images = jnp.minimum(validation.images, 200).at[217, 3, 3].set(255)
    train = train._replace(images=jnp.minimum(train.images, 200))
    config = TrainingConfig(epochs=1, batch_size=8, patience=None)
    data = TrainingData(train, validation._replace(images=images), {})
    with pytest.raises(
        DivergedError, match=r"validation loss is .* after epoch 1, first in the inputs"
    ):
        run_to_the_end(MLP._replace(apply=bright), config, data)
