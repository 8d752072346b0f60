import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from attrs import evolve

from fmnist_jax.checkpoint.checkpoint import Checkpoint, restore_checkpoint, save_checkpoint
from fmnist_jax.checkpoint.format import METADATA
from fmnist_jax.config.model import Variables
from fmnist_jax.data.scaling import UNIT, Z_SCORE, Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.storage.arrays import flatten_paths
from fmnist_jax.storage.manifest import MANIFEST
from tests.checkpoints import (
    CONFIG,
    WEIGHTS,
    assert_same,
    checkpoint,
    files,
    refusal,
    seal,
    trees,
    with_stages,
)


@pytest.mark.parametrize("scaling", [Z_SCORE, UNIT])
def test_what_is_saved_is_restored_to_the_bit(tmp_path: Path, scaling: Scaling) -> None:
    saved = checkpoint(scaling=scaling)
    save_checkpoint(tmp_path / "runs" / "first" / "checkpoint", saved)
    restored = restore_checkpoint(tmp_path / "runs" / "first" / "checkpoint")
    assert_same(restored, saved)
    assert restored.stages[0].model.build() is CONFIG.build()
    device = jax.local_devices()[0]
    assert all(leaf.devices() == {device} for leaf in jax.tree.leaves(trees(restored)))


def test_orbax_alone_restores_the_directory_too(original: Path) -> None:
    import orbax.checkpoint as ocp

    (stage,) = checkpoint().stages
    arrays = flatten_paths({"mlp": {**stage.variables._asdict(), "statistics": stage.statistics}})
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
        for name, leaf in arrays.items()
    }
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        found = checkpointer.restore(
            original,
            ocp.args.Composite(
                arrays=ocp.args.StandardRestore(target),
                metadata=ocp.args.JsonRestore(),
            ),
        )
    jax.tree.map(np.testing.assert_array_equal, found["arrays"], arrays)
    assert found["metadata"]["stages"][0]["model"]["type"] == "mlp"


def test_no_file_tells_where_it_was_written(original: Path) -> None:
    for file in files(original):
        assert str(original.parent.parent).encode() not in file.read_bytes(), file


@pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "longer", "deleted"])
def test_damage_to_any_file_is_found_and_the_file_named(copied: Path, damage: str) -> None:
    for file in files(copied):
        content = file.read_bytes()
        if damage == "truncated":
            file.write_bytes(content[:-1])
        elif damage == "emptied":
            file.write_bytes(b"")
        elif damage == "flipped":
            file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        elif damage == "longer":
            file.write_bytes(content + b"x")
        else:
            file.unlink()
        # The manifest's own last byte is a newline: nothing is lost with that.
        if not (damage == "truncated" and file.name == MANIFEST):
            assert str(file) in refusal(copied), file
        file.write_bytes(content)
    restore_checkpoint(copied)


def test_a_file_or_link_too_many_is_refused(copied: Path) -> None:
    extra = copied / "arrays" / "stranger"
    extra.write_bytes(b"")
    assert str(extra) in refusal(copied)
    seal(copied)
    assert f"{extra}: not a file of a checkpoint" in refusal(copied)
    extra.unlink()
    extra.symlink_to(copied / METADATA)
    assert str(extra) in refusal(copied)


def test_what_is_not_a_checkpoint_is_refused(copied: Path, tmp_path: Path) -> None:
    assert "no such directory" in refusal(tmp_path / "nowhere")
    (copied / MANIFEST).unlink()
    assert "half-written" in refusal(copied)
    (tmp_path / "file").write_text("text")
    assert "no such directory" in refusal(tmp_path / "file")


def test_arrays_that_change_after_they_were_checked_are_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that are used have the manifest's checksum, whatever happens in between."""
    import orbax.checkpoint as ocp

    restore = ocp.PyTreeCheckpointHandler.restore

    def change_first(*words: Any, **named: Any) -> Any:
        (copied / WEIGHTS / "0.0").write_bytes(np.ones((784, 4), np.float32).tobytes())
        return restore(*words, **named)

    with monkeypatch.context() as patched:
        patched.setattr(ocp.PyTreeCheckpointHandler, "restore", change_first)
        assert f"{copied / WEIGHTS / '0.0'}: changed or truncated" in refusal(copied)

    def remove_first(*words: Any, **named: Any) -> Any:
        shutil.rmtree(copied / WEIGHTS)
        return restore(*words, **named)

    save_checkpoint(copied, checkpoint())
    monkeypatch.setattr(ocp.PyTreeCheckpointHandler, "restore", remove_first)
    assert f"{copied}/arrays: can't be restored" in refusal(copied)


def with_variables(saved: Checkpoint, variables: Variables) -> Checkpoint:
    (stage,) = saved.stages
    return with_stages(saved, evolve(stage, variables=variables))


def test_parameters_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    good = checkpoint()
    parameters = good.stages[0].variables.parameters
    last = parameters[-1]
    for value in (np.nan, np.inf):
        changed = (*parameters[:-1], last._replace(b=last.b.at[3].set(value)))
        with pytest.raises(
            UserError, match=r"mlp\.parameters\.2\.b holds values that are not finite"
        ):
            save_checkpoint(tmp_path / "checkpoint", with_variables(good, Variables(changed, {})))
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_restored_is_not_saved(tmp_path: Path) -> None:
    good = checkpoint()
    own = Activation("own", RELU.forward, RELU.backward)
    (stage,) = good.stages
    parameters = stage.variables.parameters
    doubled = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters)

    def staged(**change: Any) -> Checkpoint:
        return with_stages(good, evolve(stage, **change))

    for bad, said in (
        (with_variables(good, Variables(parameters[:-1], {})), r"mlp\.parameters\.2\.W is missing"),
        (
            with_variables(good, Variables(doubled, {})),
            r"is float64\[784, 4\], not float32\[784, 4\]",
        ),
        (
            with_variables(good, Variables(parameters, {"mean": np.zeros(3, np.float32)})),
            r"mlp\.state\.mean is unknown",
        ),
        (evolve(good, class_names=("a",)), "class_names has 1"),
        (evolve(good, metrics={"accuracy": np.nan}), "finite JSON values"),
        (evolve(good, run={"path": Path("x")}), "finite JSON values"),
        (staged(model=evolve(CONFIG, activations=(own,))), "has no name"),
        (staged(scaling=Scaling("own", UNIT.fit, UNIT.apply)), "has no name"),
        (staged(model="mlp"), "has no name"),
        (staged(name="a/b"), "stages must be one or more"),
        (staged(features_of="ab"), "trained on the features of other stages"),
        (with_stages(good), "stages must be one or more"),
        (with_stages(good, stage, stage), "stages must be one or more, with different names"),
    ):
        with pytest.raises(UserError, match=said):
            save_checkpoint(tmp_path / "checkpoint", bad)
    assert list(tmp_path.iterdir()) == []


def test_a_new_checkpoint_takes_the_old_ones_place(tmp_path: Path) -> None:
    for seed in (1, 2):
        save_checkpoint(tmp_path / "checkpoint", checkpoint(seed=seed))
        assert_same(restore_checkpoint(tmp_path / "checkpoint"), checkpoint(seed=seed))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_full_disk_gets_one_line_and_keeps_the_old_checkpoint(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import orbax.checkpoint as ocp

    def refuse(*arguments: object) -> None:
        raise ValueError('RESOURCE_EXHAUSTED: Error writing "a": No space left [details]')

    monkeypatch.setattr(ocp.Checkpointer, "save", refuse)
    with pytest.raises(UserError, match="No space left") as caught:
        save_checkpoint(copied, checkpoint(seed=1))
    assert str(copied) in str(caught.value)
    assert_same(restore_checkpoint(copied), checkpoint())
    assert [path.name for path in copied.parent.iterdir()] == ["checkpoint"]


def test_a_stage_is_compared_by_identity() -> None:
    """Arrays have no truth value, so that equality of stages would be an error."""
    (stage,) = checkpoint().stages
    assert stage == stage
    assert stage != FittedStage(
        stage.name, stage.model, stage.scaling, stage.variables, stage.statistics
    )
