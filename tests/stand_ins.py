"""Synthetic pictures that stand for the early release, whose images the project doesn't have."""

import struct
from pathlib import Path

import numpy as np
import pytest

from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import RawData
from tests.once import drawn


def write_idx(raw: RawData, folder: Path) -> None:
    """Write the four IDX files."""
    folder.mkdir()
    for name, split in (("train", raw.train), ("t10k", raw.test)):
        labels = split.labels.astype(np.uint8)
        for kind, array in (("images-idx3", split.images), ("labels-idx1", labels)):
            header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{name}-{kind}-ubyte").write_bytes(header + array.tobytes())


def early_release(folder: Path, monkeypatch: pytest.MonkeyPatch) -> RawData:
    """Write a few pictures into `folder`, whose labels count as the early release's."""
    raw = drawn(400, 100)
    labels: dict[tuple[str, checksums.Part], str] = {
        (split, "labels"): checksums.content_sums(content)["labels"]
        for split, content in (("train", raw.train), ("test", raw.test))
    }
    monkeypatch.setitem(checksums.RELEASES, "early", checksums.Release(labels, {}))
    write_idx(raw, folder)
    return raw
