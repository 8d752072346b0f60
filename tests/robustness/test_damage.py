"""Random damage to a checkpoint: found before use, the file named, the newest valid one offered."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_jax.checkpoint.checkpoint import find_checkpoint, restore_checkpoint, save_checkpoint
from fmnist_jax.cli.app import main
from fmnist_jax.storage.manifest import MANIFEST
from tests.checkpoints import (
    IMAGES,
    WEIGHTS,
    checkpoint,
    files,
    leaves,
    metadata,
    refusal,
    seal,
    stages_json,
    write_metadata,
)

ROUNDS = 2

Draw = np.random.Generator


def truncate(file: Path, draw: Draw) -> None:
    # A manifest without its last line's end is as good as before, so two bytes go at least.
    os.truncate(file, int(draw.integers(file.stat().st_size - 1)))


def flip_a_bit(file: Path, draw: Draw) -> None:
    content = bytearray(file.read_bytes())
    content[draw.integers(len(content))] ^= 1 << int(draw.integers(8))
    file.write_bytes(content)


def overwrite_with_noise(file: Path, draw: Draw) -> None:
    content = bytearray(file.read_bytes())
    length = int(draw.integers(2, min(512, len(content)) + 1))
    start = int(draw.integers(len(content) - length + 1))
    content[start : start + length] = bytes(b ^ 0x55 for b in content[start : start + length])
    file.write_bytes(content)


def zero_the_end(file: Path, draw: Draw) -> None:
    """What some file systems leave after the power failed."""
    content = file.read_bytes()
    length = int(draw.integers(len(content)))
    file.write_bytes(content[:length] + bytes(len(content) - length + 1))


def lengthen(file: Path, draw: Draw) -> None:
    with file.open("ab") as stream:
        stream.write(b"x" + draw.bytes(int(draw.integers(100))))


def delete(file: Path, draw: Draw) -> None:
    file.unlink()


def rename(file: Path, draw: Draw) -> None:
    file.rename(file.with_name(f"{file.name}.{draw.integers(100)}"))


def swap(file: Path, draw: Draw) -> None:
    others = [path for path in file.parent.parent.rglob("*") if path.is_file() and path != file]
    other = draw.choice(np.array(others, object))
    content = file.read_bytes()
    file.write_bytes(other.read_bytes() + b" ")
    other.write_bytes(content + b" ")


def make_a_folder(file: Path, draw: Draw) -> None:
    file.unlink()
    file.mkdir()


def make_a_link(file: Path, draw: Draw) -> None:
    """To the very same content."""
    runs = next(folder for folder in file.parents if folder.name == "runs")
    kept = file.rename(runs / f"kept-{draw.bytes(8).hex()}")
    file.symlink_to(kept)


def add_another(file: Path, draw: Draw) -> None:
    (file.parent / f"{file.name}-{draw.integers(100)}").write_bytes(draw.bytes(8))


DAMAGES: tuple[Callable[[Path, Draw], None], ...] = (
    truncate,
    flip_a_bit,
    overwrite_with_noise,
    zero_the_end,
    lengthen,
    delete,
    rename,
    swap,
    make_a_folder,
    make_a_link,
    add_another,
)


@pytest.fixture
def bad(original: Path, tmp_path: Path) -> Path:
    """The checkpoint to be damaged, that of a run."""
    return Path(shutil.copytree(original, tmp_path / "runs" / "bad" / "checkpoint"))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """That of another run, newer than those that ship."""
    path = tmp_path / "runs" / "good" / "checkpoint"
    save_checkpoint(path, checkpoint(seed=1))
    return path


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_to_every_file_is_found_and_the_good_one_named(
    original: Path, bad: Path, good: Path, damage: Callable[[Path, Draw], None]
) -> None:
    draw = np.random.default_rng(DAMAGES.index(damage))
    for name in [file.relative_to(original) for file in files(original)] * ROUNDS:
        damage(bad / name, draw)
        message = refusal(find_checkpoint(bad.parent))
        # A damaged manifest may as well say wrong things of another file.
        assert message.startswith(f"{bad}/"), message
        assert str(bad / name) in message or MANIFEST in name.parts or damage is swap, message
        assert message.endswith(f"; the newest valid checkpoint nearby is {good}")
        shutil.rmtree(bad)
        shutil.copytree(original, bad)
    for found, saved in zip(leaves(restore_checkpoint(bad)), leaves(checkpoint()), strict=True):
        np.testing.assert_array_equal(found, saved)


def test_the_newest_good_one_is_offered(original: Path, bad: Path, good: Path) -> None:
    """Newer ones that are damaged or of another version aren't, nor is the bad one itself."""
    damaged = Path(shutil.copytree(original, bad.parent / "damaged"))
    (damaged / MANIFEST).write_text("{}")
    old = Path(shutil.copytree(original, bad.parent.parent / "old" / "checkpoint"))
    write_metadata(old, {**metadata(old), "format_version": 1})
    (bad / "arrays" / "_METADATA").unlink()
    assert refusal(bad).endswith(f"nearby is {good}")
    newer = Path(shutil.copytree(original, bad.with_name(".checkpoint.previous")))
    os.utime(newer / MANIFEST)
    assert refusal(bad).endswith(f"nearby is {newer}")
    shutil.rmtree(newer)
    shutil.rmtree(good)
    assert refusal(bad).endswith("report1-mlp")  # which ships


def test_another_version_or_configuration_gets_the_good_one_named(bad: Path, good: Path) -> None:
    values = metadata(bad)
    for change in (
        {"format_version": 1},
        {"stages": stages_json(bad, {"model": {"type": "mlp", "layer_sizes": [784, 5, 10]}})},
        {"stages": stages_json(bad, {"scaling": "unit"})},
    ):
        write_metadata(bad, {**values, **change})
        message = refusal(bad)
        assert message.startswith(f"{bad}/metadata/metadata: ")
        assert message.endswith(f"nearby is {good}")


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_one_or_the_other(
    original: Path, bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer renames directories under a reader that has read half of the old one."""
    import orbax.checkpoint as ocp

    restore, calls = ocp.PyTreeCheckpointHandler.restore, []

    def replace_first(*words: Any, **named: Any) -> Any:
        calls.append(words)
        if len(calls) <= 2:
            save_checkpoint(bad, checkpoint(seed=len(calls)))
        return restore(*words, **named)

    monkeypatch.setattr(ocp.PyTreeCheckpointHandler, "restore", replace_first)
    found = restore_checkpoint(bad)
    assert len(calls) == 3
    assert found.run["seed"] == 2
    for leaf, second in zip(leaves(found), leaves(checkpoint(seed=2)), strict=True):
        np.testing.assert_array_equal(leaf, second)


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("name", [MANIFEST, "metadata/metadata", f"{WEIGHTS}/0.0"])
def test_the_command_line_says_it_in_one_line(
    bad: Path, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture, command: str, name: str
) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    words = {"predict": [str(tmp_path / "images.npy")], "evaluate": ["--source", "synthetic"]}
    for damage in (truncate, flip_a_bit, delete):
        whole = (bad / name).read_bytes()
        damage(bad / name, np.random.default_rng(len(name)))
        assert main([command, str(bad.parent), *words[command]]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"fmnist-jax: {bad}/")
        assert err.endswith(f"nearby is {good}\n")
        assert err.count("\n") == 1
        (bad / name).write_bytes(whole)
    seal(bad)
    assert main(["predict", str(bad.parent), str(tmp_path / "images.npy")]) == 0
