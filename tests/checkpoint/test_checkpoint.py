from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from fmnist_jax.checkpoint.checkpoint import METADATA, restore_checkpoint, save_checkpoint
from fmnist_jax.data.scaling import UNIT, Z_SCORE, Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.models.base import scratch_mlp
from fmnist_jax.scratch.activations import RELU, Activation
from fmnist_jax.storage.manifest import MANIFEST
from tests.checkpoints import CONFIG, assert_same, change_metadata, checkpoint, files, refusal, seal


@pytest.mark.parametrize("scaling", [Z_SCORE, UNIT])
def test_what_is_saved_is_restored_to_the_bit(tmp_path: Path, scaling: Scaling) -> None:
    saved = checkpoint(scaling=scaling)
    save_checkpoint(tmp_path / "runs" / "first" / "checkpoint", saved)
    restored = restore_checkpoint(tmp_path / "runs" / "first" / "checkpoint")
    assert_same(restored, saved)
    assert restored.network is scratch_mlp(CONFIG)


def test_orbax_restores_the_directory_too(original: Path) -> None:
    import orbax.checkpoint as ocp

    saved = checkpoint()
    arrays = {"parameters": saved.parameters, "statistics": saved.statistics}
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), arrays
    )
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        found = checkpointer.restore(
            original,
            ocp.args.Composite(
                arrays=ocp.args.StandardRestore(target),
                metadata=ocp.args.JsonRestore(),
            ),
        )
    jax.tree.map(np.testing.assert_array_equal, found["arrays"], arrays)
    assert found["metadata"]["model"]["kind"] == "mlp"


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
        # The manifest's own last byte is a line's end: nothing is lost with that.
        if not (damage == "truncated" and file.name == MANIFEST):
            assert str(file) in refusal(copied), file
        file.write_bytes(content)
    restore_checkpoint(copied)


def test_a_file_or_link_too_many_is_refused(copied: Path) -> None:
    extra = copied / "arrays" / "stranger"
    extra.write_bytes(b"")
    assert str(extra) in refusal(copied)
    extra.unlink()
    extra.symlink_to(copied / METADATA)
    assert str(extra) in refusal(copied)


def test_what_is_not_a_checkpoint_is_refused(copied: Path, tmp_path: Path) -> None:
    assert "no such directory" in refusal(tmp_path / "nowhere")
    (copied / MANIFEST).unlink()
    assert "half-written" in refusal(copied)
    (tmp_path / "file").write_text("text")
    assert "no such directory" in refusal(tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"format_version": 1},
            "format_version is 1, this fmnist-jax reads 2; use the fmnist-jax that",
        ),
        ({"format_version": ...}, "format_version is None"),
        ({"model": {"kind": "transformer", "configuration": {}}}, "unknown kind of model"),
        ({"scaling": "log"}, "unknown scaling 'log': known are symmetric, unit, z-score"),
        ({"class_names": ...}, "class_names"),
        ({"class_names": ["a", "b"]}, "tells 10 classes apart, and class_names has 2"),
        ({"data_checksum": ...}, "data_checksum"),
        ({"stranger": 1}, "stranger"),
        ({"metrics": 3}, "metrics"),
        ({"model": {"kind": "mlp", "configuration": {"activations": ["exp"]}}}, "'exp'"),
        ({"model": {"kind": "mlp", "configuration": {"layer_sizes": [784]}}}, "layer_sizes"),
        ({"model": {"kind": "mlp", "configuration": {"layer_sizes": [5, 10]}}}, "images"),
        (
            {"model": {"kind": "mlp", "configuration": {"layer_sizes": [784, 4, 10]}}},
            "parameters.2.W is unknown, parameters.2.b is unknown, "
            "parameters.1.W is float32[4, 5], not float32[4, 10]",
        ),
        (
            {"model": {"kind": "mlp", "configuration": {"layer_sizes": [784, 4, 5, 10, 10]}}},
            "parameters.3.W is missing, parameters.3.b is missing",
        ),
        ({"scaling": "unit"}, "statistics.mean is unknown"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(copied: Path, change: dict, said: str) -> None:
    change_metadata(copied, change)
    message = refusal(copied)
    assert said in message
    assert METADATA in message


def test_metadata_that_is_no_object_or_no_json_is_refused(copied: Path) -> None:
    for text in ("[1]", "3", "{", ""):
        (copied / METADATA).write_text(text)
        seal(copied)
        assert METADATA in refusal(copied)


def test_parameters_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    good = checkpoint()
    last = good.parameters[-1]
    for value in (np.nan, np.inf):
        bad = replace(
            good, parameters=(*good.parameters[:-1], last._replace(b=last.b.at[3].set(value)))
        )
        with pytest.raises(UserError, match=r"parameters\.2\.b holds values that are not finite"):
            save_checkpoint(tmp_path / "checkpoint", bad)
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_restored_is_not_saved(tmp_path: Path) -> None:
    good = checkpoint()
    own = Activation("own", RELU.forward, RELU.backward)
    doubled = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), good.parameters)
    for bad, said in (
        (replace(good, parameters=good.parameters[:-1]), r"parameters\.2\.W is missing"),
        (replace(good, parameters=doubled), r"is float64\[784, 4\], not float32\[784, 4\]"),
        (replace(good, class_names=("a",)), "class_names has 1"),
        (replace(good, metrics={"accuracy": np.nan}), "finite JSON values"),
        (replace(good, run={"path": Path("x")}), "finite JSON values"),
        (replace(good, model=replace(CONFIG, activations=(own,))), "has no name"),
        (replace(good, scaling=replace(UNIT, name="own")), "unknown scaling 'own'"),
        (replace(good, model="mlp"), "unknown kind of model 'str'"),  # pyright: ignore
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
