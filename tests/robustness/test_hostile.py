"""A stranger's checkpoint, its manifest made to fit: it is a model or is refused, in bounded memory."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmnist_jax.checkpoint import format as checkpoint_format
from fmnist_jax.checkpoint.checkpoint import restore_checkpoint, save_checkpoint
from fmnist_jax.checkpoint.format import METADATA
from fmnist_jax.errors import UserError
from fmnist_jax.storage.manifest import MANIFEST
from tests.checkpoints import (
    HEADER,
    TREE,
    WEIGHTS,
    change_header,
    checkpoint,
    files,
    metadata,
    refusal,
    seal,
    stages_json,
    write_metadata,
)
from tests.robustness.memory import STATUS, peak

CHUNK = f"{WEIGHTS}/0.0"
NOTHING_ELSE = (".zarray", "0", "0.0", "0.0.0")


@functools.cache
def bomb(size: int) -> bytes:
    return pa.Codec("zstd").compress(bytes(size), asbytes=True)


def a_bomb(path: Path) -> None:
    """A chunk of 40 KB that unpacks to 1 GiB, where 12,544 bytes are meant to be."""
    change_header(path, compressor={"id": "zstd", "level": 1})
    (path / CHUNK).write_bytes(bomb(1 << 30))


def a_bomb_without_a_word(path: Path) -> None:
    (path / CHUNK).write_bytes(bomb(1 << 30))


def a_chunk_of_terabytes(path: Path) -> None:
    change_header(path, chunks=[1 << 20, 1 << 20])


def an_array_of_terabytes(path: Path) -> None:
    change_header(path, shape=[1 << 20, 1 << 20], chunks=[1, 1])


def an_array_filled_by_its_header(path: Path) -> None:
    change_header(path, fill_value=1.0)


def a_pickle_filter(path: Path) -> None:
    change_header(path, filters=[{"id": "pickle"}], dtype="|O")


def big_endian(path: Path) -> None:
    change_header(path, dtype=">f4")


def a_sparse_chunk(path: Path) -> None:
    os.truncate(path / CHUNK, 200 << 20)


def a_longer_chunk(path: Path) -> None:
    with (path / CHUNK).open("ab") as file:
        file.write(b"\0")


def a_shorter_chunk(path: Path) -> None:
    os.truncate(path / CHUNK, 784 * 4 * 4 - 4)


def no_chunk(path: Path) -> None:
    (path / CHUNK).unlink()


def one_array_more(path: Path) -> None:
    shutil.copytree(path / WEIGHTS, path / "arrays/x\x1b[2J\n")


def a_long_header(path: Path) -> None:
    (path / HEADER).write_text((path / HEADER).read_text() + " " * 5000)


def a_deep_header(path: Path) -> None:
    (path / HEADER).write_text("[" * 4000)


def a_header_that_is_no_object(path: Path) -> None:
    (path / HEADER).write_text("[1, 2]")


def not_a_number(path: Path) -> None:
    (path / CHUNK).write_bytes(np.full((784, 4), np.nan, np.float32).tobytes())


def infinite(path: Path) -> None:
    (path / CHUNK).write_bytes(np.full((784, 4), np.inf, np.float32).tobytes())


def says(**change: Any) -> Callable[[Path], None]:
    return lambda path: write_metadata(path, {**metadata(path), **change})


def stage(**change: Any) -> Callable[[Path], None]:
    return lambda path: write_metadata(
        path, {**metadata(path), "stages": stages_json(path, change)}
    )


def model(type: str = "mlp", **configuration: Any) -> Callable[[Path], None]:
    return stage(model={"type": type, **configuration})


def stages(*models: dict[str, Any]) -> Callable[[Path], None]:
    return says(
        stages=[
            {"name": f"s{number}", "model": model, "scaling": "z-score", "features_of": "ab"}
            for number, model in enumerate(models)
        ]
    )


def tree(**change: Any) -> Callable[[Path], None]:
    """Change the list of arrays that Orbax reads."""

    def alter(path: Path) -> None:
        values = json.loads((path / TREE).read_text())
        (path / TREE).write_text(json.dumps({**values, **change}))

    return alter


def text(content: str) -> Callable[[Path], None]:
    return lambda path: write_metadata(path, content)


def a_list_of_a_megabyte(path: Path) -> None:
    (path / TREE).write_text((path / TREE).read_text() + " " * (2 << 20))


def a_deep_list(path: Path) -> None:
    (path / TREE).write_text("[" * 400_000)


def a_database(path: Path) -> None:
    """Which Orbax would read in place of the arrays that were checked."""
    tree(use_ocdbt=True)(path)
    (path / "arrays/manifest.ocdbt").write_bytes(b"x" * 1000)


BLOCK = {"filters": 1 << 14, "kernel": 28, "pooling": "none"}

HOSTILE: dict[str, Callable[[Path], None]] = {
    **{
        alter.__name__: alter
        for alter in (
            a_bomb,
            a_bomb_without_a_word,
            a_chunk_of_terabytes,
            an_array_of_terabytes,
            an_array_filled_by_its_header,
            a_pickle_filter,
            big_endian,
            a_sparse_chunk,
            a_longer_chunk,
            a_shorter_chunk,
            no_chunk,
            one_array_more,
            a_long_header,
            a_deep_header,
            a_header_that_is_no_object,
            not_a_number,
            infinite,
            a_list_of_a_megabyte,
            a_deep_list,
            a_database,
        )
    },
    "a model of terabytes": model(layer_sizes=[784, 1 << 20, 1 << 20, 10]),
    "a network of terabytes": model("convnet", blocks=[BLOCK] * 3),
    "a hundred thousand layers": model(layer_sizes=[784] + [1] * 100_000 + [10]),
    "a thousand blocks": model("convnet", blocks=[{"filters": 1, "pooling": "none"}] * 1000),
    "a huge size": model(layer_sizes=[784, 10**4000, 10]),
    "a dropout that is no number": text(
        '{"format_version": 3, "stages": [{"model": {"dropout": NaN}}]}'
    ),
    "an infinite size": text(
        '{"format_version": 3, "stages": [{"model": {"layer_sizes": [1e999]}}]}'
    ),
    "deep metadata": text('{"format_version": 3, "run": ' + "[" * 200_000),
    "deep and closed": text('{"format_version": 3, "run": ' + '{"a":' * 9000 + "1" + "}" * 9001),
    "a class name that moves the cursor": says(class_names=["\x1b[2J"] + ["a"] * 9),
    "a class name of a megabyte": says(class_names=["a" * 1_000_000] + ["a"] * 9),
    "a hundred thousand class names": says(class_names=["a"] * 100_000),
    "a type by its module": model("os.system"),
    "ten thousand stages": stages(*[{"type": "mlp", "layer_sizes": [784, 10]}] * 10_000),
    "features of gigabytes": stages(
        {
            "type": "convnet",
            "blocks": [{"filters": 1 << 14, "kernel": 1, "pooling": "none"}],
            "hidden": [1],
        },
        {"type": "mlp", "layer_sizes": [1, 10]},
    ),
    "a stage out of the folder": stage(name="../../outside"),
    "a stage in a separate folder": stage(name="mlp/x"),
    "a stage whose name moves the cursor": stage(name="\x1b[2J"),
    "a database by its list": tree(use_ocdbt=True),
    "another Zarr by its list": tree(use_zarr3=True),
    "a list of nothing": tree(tree_metadata={}),
    "an activation by its module": model(layer_sizes=[784, 4, 10], activations=["os.system"]),
    "an initializer that is code": model(initializer="__import__('os').getcwd()"),
    "a scaling out of the folder": stage(scaling="../../etc/passwd"),
    "an unknown field": says(__class__="os.system"),
}
"""What is done to a good checkpoint, before its manifest is made to fit."""


def restore_each(folders: list[str]) -> None:
    """In a separate process: MiB of memory that refusing each one took, as JSON."""
    with pytest.raises(UserError):  # imports and first allocations aren't the checkpoints'
        restore_checkpoint(folders[0])
    costs = {}
    for folder in folders:
        with peak() as grown:
            refusal(Path(folder))
        costs[Path(folder).name] = round(grown[0])
    print(json.dumps(costs))


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc to measure memory")
def test_hostile_checkpoints_are_refused_in_bounded_memory(original: Path, tmp_path: Path) -> None:
    folders = []
    for name, alter in HOSTILE.items():
        folder = Path(shutil.copytree(original, tmp_path / name))
        alter(folder)
        if name != "a_sparse_chunk":
            seal(folder)
        folders.append(folder)
    sparse = tmp_path / "a_sparse_chunk"
    checksums = json.loads((sparse / MANIFEST).read_text())["sha256"]
    zeros = subprocess.run(
        ["sha256sum", sparse / CHUNK], capture_output=True, text=True, check=True
    )
    checksums[CHUNK] = zeros.stdout.split()[0]
    (sparse / MANIFEST).write_text(json.dumps({"sha256": checksums}))
    command = [sys.executable, "-c", PROGRAM, *folders]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=900
    )
    assert done.returncode == 0, done.stderr
    costs = json.loads(done.stdout)
    assert costs.keys() == HOSTILE.keys()
    print(costs)
    assert {name: grown for name, grown in costs.items() if grown > 64} == {}


ROOT = Path(__file__).parents[2]
PROGRAM = (
    "import sys; from tests.robustness.test_hostile import restore_each; restore_each(sys.argv[1:])"
)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "arrays/../../outside", "a\0b", ""])
def test_a_manifest_cannot_name_files_outside(copied: Path, name: str) -> None:
    (copied.parent / "outside").write_text("secret")
    checksums = json.loads((copied / MANIFEST).read_text())["sha256"]
    for change in ({name: "0" * 64}, {name: ["0" * 64]}, {name: None}):
        (copied / MANIFEST).write_text(json.dumps({"sha256": {**checksums, **change}}))
        assert "missing, though the manifest lists it" in refusal(copied)
    # In the place of a file that is needed.
    (copied / METADATA).unlink()
    renamed = {name if file == METADATA else file: digest for file, digest in checksums.items()}
    (copied / MANIFEST).write_text(json.dumps({"sha256": renamed}))
    assert "missing, though the manifest lists it" in refusal(copied)


@pytest.mark.parametrize("name", [METADATA, CHUNK, "arrays", WEIGHTS, TREE, MANIFEST])
def test_a_link_is_refused(copied: Path, name: str) -> None:
    outside = copied.parent / "outside"
    (copied / name).rename(outside)
    (copied / name).symlink_to(outside)
    assert f"{copied / name}: neither a file nor a folder" in refusal(copied)


def test_a_pipe_is_refused_and_not_waited_for(copied: Path) -> None:
    (copied / CHUNK).unlink()
    os.mkfifo(copied / CHUNK)
    assert f"{copied / CHUNK}: neither a file nor a folder" in refusal(copied)


def test_more_files_than_a_checkpoint_has_are_refused(copied: Path) -> None:
    for number in range(4096):
        (copied / "arrays" / str(number)).touch()
    assert "holds more than 4096 files" in refusal(copied)


def test_a_model_too_large_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_format, "MAX_BYTES", 19_000)
    with pytest.raises(
        UserError, match=r"the model's arrays take 19\d\d\d bytes, more than the maximum of 19000"
    ):
        save_checkpoint(tmp_path / "checkpoint", checkpoint())
    assert not (tmp_path / "checkpoint").exists()


def test_a_valid_one_has_no_other_files(original: Path) -> None:
    """Nothing that a reader would have to unpack, and nothing that is code."""
    names = {file.relative_to(original).as_posix() for file in files(original)}
    others = {name for name in names if name.rpartition("/")[2] not in NOTHING_ELSE}
    assert others == {MANIFEST, METADATA, "_CHECKPOINT_METADATA", TREE}
