"""Checkpoints of convolutional networks and of pipelines."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist_jax.checkpoint.checkpoint import (
    METADATA,
    Checkpoint,
    restore_checkpoint,
    save_checkpoint,
)
from fmnist_jax.data.scaling import UNIT
from fmnist_jax.errors import UserError
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.config import ConvNetConfig
from fmnist_jax.models.pipeline_model import PipelineConfig
from fmnist_jax.scratch.mlp import MLPConfig
from tests.checkpoints import assert_same, change_metadata, checkpoint, metadata, refusal, seal

NETWORK = FiveConv(filters=(2, 1, 2, 1, 3), kernels=(3, 2, 3, 2, 1), hidden=4).network
PIPELINE = PipelineConfig(NETWORK, MLPConfig((3, 4, 10)))


@pytest.fixture(scope="module")
def pipelines() -> tuple[Checkpoint, Checkpoint]:
    return checkpoint(PIPELINE, UNIT), checkpoint(PIPELINE, UNIT, seed=1)


@pytest.mark.parametrize("model", [NETWORK, PIPELINE])
def test_convolutional_networks_and_pipelines_are_restored_to_the_bit(
    tmp_path: Path, model: ConvNetConfig | PipelineConfig
) -> None:
    saved = checkpoint(model, UNIT)
    save_checkpoint(tmp_path / "checkpoint", saved)
    assert_same(restore_checkpoint(tmp_path / "checkpoint"), saved)


def test_an_mlp_with_a_strange_network_of_equal_shapes_is_not_saved(
    tmp_path: Path, pipelines: tuple[Checkpoint, Checkpoint]
) -> None:
    one, other = pipelines
    for strange in (
        replace(one, parameters=one.parameters._replace(network=other.parameters.network)),
        replace(one, extractor=other.extractor),
        replace(one, extractor=None),
    ):
        with pytest.raises(UserError, match="trained on the features of another network"):
            save_checkpoint(tmp_path / "checkpoint", strange)
    assert list(tmp_path.iterdir()) == []


def test_an_mlp_with_a_strange_network_of_equal_shapes_is_not_restored(
    tmp_path: Path, pipelines: tuple[Checkpoint, Checkpoint]
) -> None:
    """Another pipeline's arrays under this one's metadata, and a manifest that fits."""
    for name, saved in zip(("one", "other"), pipelines, strict=True):
        save_checkpoint(tmp_path / name, saved)
    shutil.rmtree(tmp_path / "one" / "arrays")
    shutil.copytree(tmp_path / "other" / "arrays", tmp_path / "one" / "arrays")
    seal(tmp_path / "one")
    message = refusal(tmp_path / "one")
    assert "trained on the features of another network" in message
    assert str(tmp_path / "one" / METADATA) in message


def test_an_mlps_arrays_are_no_networks(copied: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "network", checkpoint(NETWORK, UNIT))
    change_metadata(copied, {"model": metadata(tmp_path / "network")["model"]})
    assert "parameters.blocks.0.bias is missing" in refusal(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"filters": 0}, "filters must be a count"),
        ({"kernel": 29}, "kernel must be a count"),
        ({"pooling": "median"}, "unknown pooling 'median'"),
        ({"filters": 3}, "parameters.blocks.0.bias is float32[2], not float32[3]"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(tmp_path: Path, change: dict, said: str) -> None:
    save_checkpoint(tmp_path / "network", checkpoint(NETWORK, UNIT))
    model = metadata(tmp_path / "network")["model"]
    model["configuration"]["blocks"][0] |= change
    change_metadata(tmp_path / "network", {"model": model})
    assert said in refusal(tmp_path / "network")
