"""Checkpoints of convolutional networks and of several stages."""

import shutil
from pathlib import Path

import pytest
from attrs import evolve

from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint, save_checkpoint
from fmnist_jax.checkpoint.format import METADATA
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.views import mirrored_views, one_view
from fmnist_jax.scratch.mlp import MLPConfig
from tests.checkpoints import (
    Models,
    assert_same,
    change_metadata,
    checkpoint,
    metadata,
    refusal,
    seal,
    stages_json,
    with_stages,
)

NETWORK = FiveConv(filters=(2, 1, 2, 1, 3), kernels=(3, 2, 3, 2, 1), hidden=4).network
PIPELINE = (NETWORK, MLPConfig((3, 4, 10)))


@pytest.fixture(scope="module")
def pipelines() -> tuple[Checkpoint, Checkpoint]:
    return checkpoint(PIPELINE, UNIT), checkpoint(PIPELINE, UNIT, seed=1)


@pytest.mark.parametrize("models", [NETWORK, PIPELINE])
def test_networks_and_pipelines_are_restored_to_the_bit(tmp_path: Path, models: Models) -> None:
    saved = checkpoint(models, UNIT)
    save_checkpoint(tmp_path / "checkpoint", saved)
    assert_same(restore_checkpoint(tmp_path / "checkpoint"), saved)


def test_views_are_restored_and_older_checkpoints_have_one(tmp_path: Path) -> None:
    saved = checkpoint(MLPConfig((784, 10)), UNIT)
    viewed = with_stages(saved, evolve(saved.stages[0], views=mirrored_views))
    save_checkpoint(tmp_path / "checkpoint", viewed)
    assert restore_checkpoint(tmp_path / "checkpoint").stages[0].views is mirrored_views
    older = stages_json(tmp_path / "checkpoint", {"views": ...})
    change_metadata(tmp_path / "checkpoint", {"stages": older})
    assert restore_checkpoint(tmp_path / "checkpoint").stages[0].views is one_view


def test_a_stage_after_other_stages_of_equal_shapes_is_not_saved(
    tmp_path: Path, pipelines: tuple[Checkpoint, Checkpoint]
) -> None:
    one, other = (saved.stages for saved in pipelines)
    for stages in (
        (other[0], one[1]),
        (one[0], evolve(one[1], features_of=other[1].features_of)),
        (one[0], evolve(one[1], features_of=None)),
    ):
        with pytest.raises(UserError, match="trained on the features of other stages"):
            save_checkpoint(tmp_path / "checkpoint", with_stages(pipelines[0], *stages))
    assert list(tmp_path.iterdir()) == []


def test_a_stage_after_other_stages_of_equal_shapes_is_not_restored(
    tmp_path: Path, pipelines: tuple[Checkpoint, Checkpoint]
) -> None:
    """Another pipeline's arrays under this one's metadata, and a manifest that fits."""
    for name, saved in zip(("one", "other"), pipelines, strict=True):
        save_checkpoint(tmp_path / name, saved)
    shutil.rmtree(tmp_path / "one" / "arrays")
    shutil.copytree(tmp_path / "other" / "arrays", tmp_path / "one" / "arrays")
    seal(tmp_path / "one")
    message = refusal(tmp_path / "one")
    assert "trained on the features of other stages" in message
    assert str(tmp_path / "one" / METADATA) in message


def test_the_arrays_of_an_mlp_are_not_those_of_a_network(copied: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "network", checkpoint(NETWORK, UNIT))
    change_metadata(copied, {"stages": metadata(tmp_path / "network")["stages"]})
    assert "convnet.parameters.blocks.0.bias is missing" in refusal(copied)


@pytest.mark.parametrize("order", [(1, 0), (0, 0), (1,), (0, 1, 1)])
def test_stages_in_another_order_are_refused(
    tmp_path: Path, pipelines: tuple[Checkpoint, Checkpoint], order: tuple[int, ...]
) -> None:
    path = tmp_path / "pipeline"
    save_checkpoint(path, pipelines[0])
    stages = metadata(path)["stages"]
    change_metadata(path, {"stages": [stages[index] for index in order]})
    message = refusal(path)
    assert message.startswith(str(path / METADATA))
    assert "takes inputs of shape" in message or "with different names" in message


def test_a_network_on_features_is_refused(
    tmp_path: Path, pipelines: tuple[Checkpoint, Checkpoint]
) -> None:
    path = tmp_path / "pipeline"
    save_checkpoint(path, pipelines[0])
    stages = metadata(path)["stages"]
    change = stages_json(path, {}, {"model": stages[0]["model"]})
    change_metadata(path, {"stages": change})
    assert "takes inputs of shape (28, 28), and its features have the shape (3,)" in refusal(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"filters": 0}, "filters must be a whole number"),
        ({"kernel": 29}, "kernel must be a whole number"),
        ({"pooling": "median"}, "unknown pooling 'median'"),
        ({"filters": 3}, "convnet.parameters.blocks.0.bias is float32[2], not float32[3]"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(tmp_path: Path, change: dict, said: str) -> None:
    path = tmp_path / "network"
    save_checkpoint(path, checkpoint(NETWORK, UNIT))
    stages = metadata(path)["stages"]
    stages[0]["model"]["blocks"][0] |= change
    change_metadata(path, {"stages": stages})
    assert said in refusal(path)
