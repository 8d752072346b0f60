import inspect
from pathlib import Path

import jax
import pytest
from attrs import evolve

from fmnist_jax.checkpoint.checkpoint import Checkpoint, save_checkpoint
from fmnist_jax.config.codec import encode
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC, UNIT, Z_SCORE
from fmnist_jax.errors import UserError
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.stages import FittedStage, fingerprint
from fmnist_jax.runs.config import NAMES, Run, Stage
from fmnist_jax.runs.presets.pipeline import (
    MLP_TRAINING,
    NETWORK,
    TRAINING,
    FeatureMLP,
    FirstStage,
    options,
    pipeline,
    restore_extractor,
)
from fmnist_jax.scratch.activations import GELU
from fmnist_jax.scratch.initializers import uniform_fan_in
from fmnist_jax.scratch.mlp import MLPConfig
from fmnist_jax.training.config import TrainingConfig

SMALL = FiveConv((2, 2, 3, 3, 4), kernels=(3, 1, 1, 1, 1), hidden=5)
DATA = DataConfig(source="synthetic", split_seed=3)


def test_two_stages_the_convolutional_network_first():
    convnet, mlp = pipeline().stages
    assert convnet == Stage("convnet", NETWORK.network, TRAINING, SYMMETRIC)
    assert (mlp.name, mlp.training, mlp.scaling) == ("mlp", MLP_TRAINING, Z_SCORE)
    assert options(DataConfig()).run == pipeline()


def test_the_mlp_has_the_widths_of_the_networks_own_head():
    run = pipeline(FiveConv(hidden=1024), mlp_training=TrainingConfig(epochs=3), data=DATA)
    assert run.stages[1].model == MLPConfig((512, 1024, 10), initializer=uniform_fan_in)
    assert run.stages[1].training == TrainingConfig(epochs=3)
    assert run.data == DATA
    first = FirstStage(network=FiveConv(hidden=1024))
    assert options(DATA, first=first).run.stages[1].model == run.stages[1].model


def test_the_mlp_can_be_described():
    assert FeatureMLP().on(400, 8, 10).layer_sizes == (400, 8, 10)
    mlp = FeatureMLP((400, 7, 7, 10), (GELU,), 0.5, l2=0.1)
    assert mlp.on(400, 8, 10) == MLPConfig((400, 7, 7, 10), (GELU,), 0.5, uniform_fan_in, 0.1)


def test_no_layer_sizes_at_all_are_not_the_default_ones():
    with pytest.raises(UserError, match=r"layer_sizes must be a sequence of 2 or more, found \(\)"):
        FeatureMLP(layer_sizes=()).on(400, 8, 10)


def test_the_network_is_described_by_a_five_conv():
    with pytest.raises(UserError, match=r"network must be of type FiveConv, .* ConvNetConfig$"):
        inspect.unwrap(pipeline)(SMALL.network)  # without the checks of annotations


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of one convolutional network."""
    run = Run((Stage("convnet", SMALL.network, TRAINING, UNIT),), DATA)
    stage = run.stages[0]
    fitted = FittedStage(
        "convnet", stage.model, UNIT, stage.model.build().init(jax.random.key(0)), {}
    )
    path = tmp_path_factory.mktemp("extractor") / "checkpoint"
    save_checkpoint(path, Checkpoint((fitted,), CLASS_NAMES, {}, encode(run, NAMES), "ab" * 32))
    return path


def test_an_extractor_is_a_fitted_first_stage(extractor: Path):
    plan = restore_extractor(extractor, DATA)
    (fitted,) = plan.fitted
    assert plan.run.stages == (Stage("convnet", SMALL.network, TRAINING, UNIT),)
    assert (plan.run.data, plan.data_checksum) == (DATA, "ab" * 32)
    assert (fitted.name, fitted.model, fitted.scaling) == ("convnet", SMALL.network, UNIT)
    whole = options(DATA, first=FirstStage(extractor=str(extractor)))
    assert [stage.name for stage in whole.run.stages] == ["convnet", "mlp"]
    assert whole.run.stages[1].model.input_shape == (4,)
    assert fingerprint(whole.fitted[0].variables) == fingerprint(fitted.variables)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"split_seed": 0},
            "split_seed must be 3, as for the network in .*, found 0: with another",
        ),
        ({"stratified": True}, "stratified must be False, .* found True"),
        ({"resplit_seed": 1}, "resplit_seed must be None, .* found 1: with another"),
        ({"validation_fraction": 0.5}, "validation_fraction must be 0.2, .* found 0.5"),
    ],
)
def test_an_extractor_needs_the_split_that_it_was_trained_on(
    extractor: Path, change: dict, message: str
):
    with pytest.raises(UserError, match=message):
        restore_extractor(extractor, evolve_data(change))
    assert restore_extractor(extractor, evolve_data({"source": None})).run.data.source is None


def evolve_data(change: dict) -> DataConfig:
    return DataConfig(**{"source": "synthetic", "split_seed": 3, **change})


@pytest.mark.parametrize(
    "first",
    [
        FirstStage(network=SMALL),
        FirstStage(network_training=TrainingConfig()),
        FirstStage(scaling=UNIT),
    ],
)
def test_an_extractor_brings_its_own_network_training_and_scaling(
    extractor: Path, first: FirstStage
):
    with pytest.raises(UserError, match="leave out the options that describe them"):
        options(DATA, first=evolve(first, extractor=str(extractor)))


def test_the_shipped_pipeline_is_no_extractor():
    with pytest.raises(UserError, match="a checkpoint with the stages convnet, mlp; name one with"):
        restore_extractor("report1-pipeline", DataConfig())
