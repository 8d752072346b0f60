import pytest

from experiments.engine.configuration import (
    change,
    configuration_of,
    is_configuration_of,
    seed_of,
)
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import SYMMETRIC
from fmnist_jax.runs.config import Run
from fmnist_jax.runs.presets.pipeline import pipeline
from fmnist_jax.training.augmentation import flip
from tests.experiments.small_experiment import SMALL


def test_a_configuration_is_the_same_for_all_seeds_and_machines():
    plain = configuration_of(SMALL)
    assert [stage["name"] for stage in plain["stages"]] == ["mlp"]
    assert plain["stages"][0]["model"]["type"] == "mlp"
    assert configuration_of(SMALL.with_training(seed=7)) == plain
    moved = Run(SMALL.stages, DataConfig(source="synthetic"))
    assert configuration_of(moved) == plain
    assert configuration_of(Run(SMALL.stages, DataConfig(split_seed=1))) != plain


def test_a_configuration_of_before_a_field_was_added_counts():
    stored = configuration_of(SMALL)
    del stored["stages"][0]["training"]["augmentation"]
    assert is_configuration_of(SMALL, stored)
    assert not is_configuration_of(change(SMALL, "mlp", training={"augmentation": flip}), stored)
    assert not is_configuration_of(pipeline(), stored)
    stored["stages"][0]["training"]["unknown"] = 1
    assert not is_configuration_of(SMALL, stored)


@pytest.mark.parametrize("run", [SMALL, pipeline()])
def test_every_stage_of_a_run_gets_the_seed(run: Run):
    seeded = run.with_training(seed=7, epochs=1)
    assert seed_of(seeded) == 7
    assert [stage.training.epochs for stage in seeded.stages] == [1] * len(run.stages)
    assert seeded.with_training(seed=0).data == run.data


def test_one_stage_is_changed_by_name():
    run = pipeline()
    changed = change(run, "convnet", training={"batch_size": 64}, scaling=SYMMETRIC)
    assert [stage.training.batch_size for stage in changed.stages] == [64, 16]
    assert changed.stages[1] == run.stages[1]
    assert change(run, "mlp", model={"dropout": 0.5}).stages[1].model.dropout == 0.5  # pyright: ignore
    with pytest.raises(KeyError):
        change(run, "nosuch")
