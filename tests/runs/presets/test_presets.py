"""The reports' networks, counted manually, and how they are trained."""

import inspect

import pytest

from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, UNIT, Z_SCORE
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.resnet import ResNet
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.presets import PRESETS, backbone, lenet, small_cnn, smallest
from fmnist_jax.runs.presets.base import Head, Plan, default_run
from fmnist_jax.scratch.activations import RELU, TANH
from fmnist_jax.scratch.initializers import he_normal, he_uniform
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.training.optimizers import adam, cosine, sgd
from tests.counting import count_parameters


def test_the_names():
    assert PRESETS.keys() >= {
        "pipeline", "mlp", "five-conv", "small-cnn", "lenet", "backbone", "smallest", "resnet",
    }  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_every_option_has_a_default_and_a_description(name: str):
    options = PRESETS[name].options
    plan = options(DataConfig(split_seed=3))
    assert isinstance(plan, Plan)
    assert (plan.fitted, plan.data_checksum) == ((), None)
    assert plan.run.data == DataConfig(split_seed=3)
    assert isinstance(default_run(PRESETS[name]), Run)
    for parameter in inspect.signature(options).parameters:
        assert f"    {parameter}: " in (options.__doc__ or "")


@pytest.mark.parametrize(
    ("network", "inputs", "pooled", "features"),
    [
        (small_cnn.MODEL, (28, 12), 4, 256),
        (lenet.MODEL, (28, 14), 5, 400),
        (backbone.MODEL, (28, 14, 7, 4, 2), 1, 784),
    ],
)
def test_maps_as_the_reports_have_them(
    network: ConvNetConfig, inputs: tuple[int, ...], pooled: int, features: int
):
    assert tuple(sizes.inputs for sizes in network.map_sizes) == inputs
    assert network.map_sizes[-1].pooled == pooled
    assert network.features == features


def test_the_backbones_convolutions_give_28_15_8_5_3():
    assert [sizes.convolved for sizes in backbone.MODEL.map_sizes] == [28, 15, 8, 5, 3]


@pytest.mark.parametrize(
    ("network", "count"),
    [
        # 156 + 2,416, then 30,840 + 10,164 + 850
        (small_cnn.MODEL, 44_426),
        # 156 + 2,416, then 48,120 + 10,164 + 850
        (lenet.MODEL, 61_706),
        # 490 + 19,306 + 77,028 + 307,720 + 1,230,096, then 100,480 + 1,290
        (backbone.MODEL, 1_736_410),
        # 80 + 1,168 + 3,480, then 250
        (smallest.MODEL, 4_978),
        # 144 + 32, 6 of 2,304 + 32, 4,608 + 5 of 9,216 + 6 of 64, 18,432 + 5 of 36,864 + 6 of 128, 650
        (ResNet().network, 269_434),
        (ResNet(width=30).network, 943_660),
        (ResNet(width=9).network, 85_789),
        (ResNet(width=4, depth=1).network, 4_934),
    ],
)
def test_parameters(network: ConvNetConfig, count: int):
    assert count_parameters(network) == count


def test_report_2():
    (stage,) = default_run(PRESETS["small-cnn"]).stages
    training = stage.training
    assert (stage.model, stage.scaling) == (small_cnn.MODEL, SYMMETRIC)
    assert small_cnn.MODEL.initializer is he_uniform
    assert (training.optimizer, training.learning_rate) == (adam, 0.001)
    assert (training.batch_size, training.epochs) == (1024, 200)
    assert (training.monitor, training.patience) == ("accuracy", None)


def test_report_3():
    (stage,) = default_run(PRESETS["lenet"]).stages
    training = stage.training
    assert (stage.model, stage.scaling) == (lenet.MODEL, SYMMETRIC)
    assert (training.optimizer, training.learning_rate) == (adam, 0.001)
    assert (training.batch_size, training.epochs) == (100, 25)


def test_report_4():
    (stage,) = default_run(PRESETS["backbone"]).stages
    training = stage.training
    assert (stage.model, stage.scaling) == (backbone.MODEL, UNIT)
    assert backbone.MODEL.initializer is he_normal
    assert (training.optimizer, training.learning_rate) == (sgd, 0.1)
    assert (training.batch_size, training.epochs) == (64, 10)


def test_report_1():
    (five,) = default_run(PRESETS["five-conv"]).stages
    assert (five.name, five.model, five.scaling) == ("convnet", FiveConv().network, SYMMETRIC)
    assert (five.training.epochs, five.training.patience) == (10, None)
    (mlp,) = default_run(PRESETS["mlp"]).stages
    assert (mlp.name, mlp.model.input_shape, mlp.scaling) == ("mlp", (784,), Z_SCORE)
    assert (mlp.training.epochs, mlp.training.patience) == (200, 5)


def test_the_smallest_network():
    (stage,) = default_run(PRESETS["smallest"]).stages
    assert stage.training.schedule is cosine


def test_the_blocks_of_a_named_network_are_fixed_and_the_rest_can_be_chosen():
    head = Head((7,), TANH, he_normal, SOFTMAX_TWICE)
    (stage,) = PRESETS["lenet"].options(DataConfig(), network=head).run.stages
    assert stage.model == ConvNetConfig(lenet.MODEL.blocks, (7,), TANH, he_normal, SOFTMAX_TWICE)
    assert lenet.MODEL.activation is RELU
