"""A stranger's checkpoint, its manifest made to fit: it is a model or is refused, in bounded memory."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist_jax.checkpoint import format as checkpoint_format
from fmnist_jax.checkpoint.checkpoint import restore_checkpoint, save_checkpoint
from fmnist_jax.checkpoint.format import METADATA
from fmnist_jax.errors import UserError
from fmnist_jax.storage.manifest import MANIFEST
from tests.checkpoints import TREE, WEIGHTS, checkpoint, files, refusal, seal
from tests.robustness.hostile import CHUNK, HOSTILE
from tests.robustness.memory import STATUS, peak

NOTHING_ELSE = (".zarray", "0", "0.0", "0.0.0")


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
