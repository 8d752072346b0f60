import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fmnist_jax import checkpoint_places
from fmnist_jax.checkpoint import (
    METADATA,
    Checkpoint,
    find_checkpoint,
    restore_checkpoint,
    save_checkpoint,
    shipped_checkpoints,
)
from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.data.scaling import UNIT, Z_SCORE, Scaling
from fmnist_jax.errors import UserError
from fmnist_jax.kinds import KINDS, kind_of
from fmnist_jax.manifest import MANIFEST
from fmnist_jax.models import scratch_mlp
from fmnist_jax.networks.architectures import FiveConv
from fmnist_jax.networks.config import ConvNetConfig
from fmnist_jax.pipeline_model import PipelineConfig, fingerprint
from fmnist_jax.scratch import initializers
from fmnist_jax.scratch.activations import GELU, RELU, TANH, Activation
from fmnist_jax.scratch.losses import SOFTMAX_TWICE
from fmnist_jax.scratch.mlp import MLPConfig

CONFIG = MLPConfig(
    layer_sizes=(784, 6, 5, 10),
    activations=(GELU, TANH),
    dropout=0.25,
    initializer=initializers.xavier_uniform,
    l2=1e-4,
    loss=SOFTMAX_TWICE,
)


def trained(config: MLPConfig = CONFIG, scaling: Scaling = Z_SCORE, seed: int = 0) -> Checkpoint:
    images = np.random.default_rng(seed).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    return Checkpoint(
        model=config,
        scaling=scaling,
        parameters=scratch_mlp(config).init(jax.random.key(seed)),
        statistics=scaling.fit(images),
        class_names=CLASS_NAMES,
        metrics={"best_epoch": 3, "test": {"accuracy": 0.875}},
        run={"model": {"dropout": 0.25}, "seed": seed, "schedule": None},
        data_checksum="ab" * 32,
    )


def assert_same(found: Checkpoint, expected: Checkpoint) -> None:
    assert replace(found, parameters=None, statistics=None) == replace(
        expected, parameters=None, statistics=None
    )
    trees = [(saved.parameters, saved.statistics) for saved in (found, expected)]
    assert jax.tree.structure(trees[0]) == jax.tree.structure(trees[1])
    jax.tree.map(np.testing.assert_array_equal, *trees)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(trees[0]))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "checkpoint"
    save_checkpoint(path, trained())
    return path


@pytest.fixture
def copied(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "checkpoint"))


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        restore_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def change_metadata(directory: Path, change: dict) -> None:
    """As a stranger would who makes the manifest fit."""
    file = directory / METADATA
    values = {**json.loads(file.read_text()), **change}
    file.write_text(json.dumps({name: value for name, value in values.items() if value != ...}))
    seal(directory)


def seal(directory: Path) -> None:
    (directory / MANIFEST).unlink()
    sums = {
        file.relative_to(directory).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files(directory)
    }
    (directory / MANIFEST).write_text(json.dumps({"sha256": sums}))


@pytest.mark.parametrize("scaling", [Z_SCORE, UNIT])
def test_what_is_saved_is_restored_to_the_bit(tmp_path: Path, scaling: Scaling) -> None:
    saved = trained(scaling=scaling)
    save_checkpoint(tmp_path / "runs" / "first" / "checkpoint", saved)
    restored = restore_checkpoint(tmp_path / "runs" / "first" / "checkpoint")
    assert_same(restored, saved)
    assert restored.network is scratch_mlp(CONFIG)


def test_orbax_restores_the_directory_too(original: Path) -> None:
    import orbax.checkpoint as ocp

    saved = trained()
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
            {"model": {"kind": "mlp", "configuration": {"layer_sizes": [784, 6, 10]}}},
            "parameters.2.W is unknown, parameters.2.b is unknown, "
            "parameters.1.W is float32[6, 5], not float32[6, 10]",
        ),
        (
            {"model": {"kind": "mlp", "configuration": {"layer_sizes": [784, 6, 5, 10, 10]}}},
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
    good = trained()
    last = good.parameters[-1]
    for value in (np.nan, np.inf):
        bad = replace(
            good, parameters=(*good.parameters[:-1], last._replace(b=last.b.at[3].set(value)))
        )
        with pytest.raises(UserError, match=r"parameters\.2\.b holds values that are not finite"):
            save_checkpoint(tmp_path / "checkpoint", bad)
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_restored_is_not_saved(tmp_path: Path) -> None:
    good = trained()
    own = Activation("own", RELU.forward, RELU.backward)
    doubled = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), good.parameters)
    for bad, said in (
        (replace(good, parameters=good.parameters[:-1]), r"parameters\.2\.W is missing"),
        (replace(good, parameters=doubled), r"is float64\[784, 6\], not float32\[784, 6\]"),
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
        save_checkpoint(tmp_path / "checkpoint", trained(seed=seed))
        assert_same(restore_checkpoint(tmp_path / "checkpoint"), trained(seed=seed))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_full_disk_gets_one_line_and_keeps_the_old_checkpoint(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import orbax.checkpoint as ocp

    def refuse(*arguments: object) -> None:
        raise ValueError('RESOURCE_EXHAUSTED: Error writing "a": No space left [details]')

    monkeypatch.setattr(ocp.Checkpointer, "save", refuse)
    with pytest.raises(UserError, match="No space left") as caught:
        save_checkpoint(copied, trained(seed=1))
    assert str(copied) in str(caught.value)
    assert_same(restore_checkpoint(copied), trained())
    assert [path.name for path in copied.parent.iterdir()] == ["checkpoint"]


@contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """Within, nobody may read the path, and this process isn't root."""
    mode, root = path.stat().st_mode, os.geteuid() == 0
    path.chmod(0)
    try:
        if root:
            os.setresuid(65534, 65534, 0)
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
        path.chmod(mode)


@pytest.mark.parametrize("name", ["", "checkpoint", f"checkpoint/{MANIFEST}", "checkpoint/arrays"])
def test_what_may_not_be_read_is_named(original: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # pytest's own directories are closed to others
        run = Path(directory) / "run"
        shutil.copytree(original, run / "checkpoint")
        for find in (lambda: find_checkpoint(run), lambda: run / "checkpoint"):
            with forbidden(run / name), pytest.raises(UserError) as caught:
                restore_checkpoint(find())
            assert str(caught.value).startswith(f"{run / name}: can't be read (Permission denied)")


def test_find_takes_a_checkpoint_or_its_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_checkpoint(copied) == copied
    assert find_checkpoint(str(copied.parent)) == copied
    monkeypatch.chdir(copied.parent)
    assert find_checkpoint("checkpoint") == Path("checkpoint")
    assert find_checkpoint(".") == Path("checkpoint")


def test_find_takes_the_name_of_a_shipped_checkpoint(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_places, "__file__", str(tmp_path / "package" / "places.py"))
    monkeypatch.chdir(tmp_path)
    clone = Path(shutil.copytree(original, tmp_path / "checkpoints" / "one"))
    wheel = Path(shutil.copytree(original, tmp_path / "package" / "checkpoints" / "two"))
    (tmp_path / "checkpoints" / "README.md").write_text("text")
    assert shipped_checkpoints() == {"one": clone, "two": wheel}
    assert find_checkpoint("one") == clone
    (tmp_path / "two").mkdir()  # a folder of that name that holds no checkpoint
    assert find_checkpoint("two") == wheel
    for name in ("three", tmp_path / "package", "x" * 5000, "a\0b"):
        with pytest.raises(UserError) as caught:
            find_checkpoint(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"^three: not found; .*: one, two$"):
        find_checkpoint("three")


NETWORK = FiveConv(filters=(2, 1, 2, 1, 3), kernels=(3, 2, 3, 2, 1), hidden=4).network
PIPELINE = PipelineConfig(NETWORK, MLPConfig((3, 4, 10)))


def untrained(model: ConvNetConfig | PipelineConfig, seed: int = 0) -> Checkpoint:
    kind = KINDS[kind_of(model)]
    parameters = kind.build(model).init(jax.random.key(seed))
    extractor = kind.extractor and fingerprint(kind.extractor(parameters))
    return replace(
        trained(),
        model=model,
        parameters=parameters,
        extractor=extractor,
        scaling=UNIT,
        statistics={},
    )


@pytest.fixture(scope="module")
def pipelines() -> tuple[Checkpoint, Checkpoint]:
    return untrained(PIPELINE), untrained(PIPELINE, seed=1)


@pytest.mark.parametrize("model", [NETWORK, PIPELINE])
def test_convolutional_networks_and_pipelines_are_restored_to_the_bit(
    tmp_path: Path, model: ConvNetConfig | PipelineConfig
) -> None:
    saved = untrained(model)
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
    for name, checkpoint in zip(("one", "other"), pipelines, strict=True):
        save_checkpoint(tmp_path / name, checkpoint)
    shutil.rmtree(tmp_path / "one" / "arrays")
    shutil.copytree(tmp_path / "other" / "arrays", tmp_path / "one" / "arrays")
    seal(tmp_path / "one")
    message = refusal(tmp_path / "one")
    assert "trained on the features of another network" in message
    assert str(tmp_path / "one" / METADATA) in message


def test_an_mlps_arrays_are_no_networks(copied: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "network", untrained(NETWORK))
    values = json.loads((tmp_path / "network" / METADATA).read_text())
    change_metadata(copied, {"model": values["model"]})
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
    save_checkpoint(tmp_path / "network", untrained(NETWORK))
    model = json.loads((tmp_path / "network" / METADATA).read_text())["model"]
    model["configuration"]["blocks"][0] |= change
    change_metadata(tmp_path / "network", {"model": model})
    assert said in refusal(tmp_path / "network")


def test_shipped_checkpoints_are_restored() -> None:
    """Written by earlier versions; whatever is read, they must stay readable."""
    shipped = shipped_checkpoints()
    assert "report1-mlp" in shipped
    for path in shipped.values():
        assert restore_checkpoint(path).class_names == CLASS_NAMES
