"""A small data set, ways to write it, and a separate cache for every test."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fmnist_jax.data import checksums
from fmnist_jax.data.checksums import Release
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.synthetic import draw_synthetic

IDX_NAMES = {
    "train-images-idx3-ubyte": ("train", "images"),
    "train-labels-idx1-ubyte": ("train", "labels"),
    "t10k-images-idx3-ubyte": ("test", "images"),
    "t10k-labels-idx1-ubyte": ("test", "labels"),
}


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the environment names no data directory."""
    monkeypatch.setenv("FMNIST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FMNIST_DATA_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def small() -> RawData:
    """Forty training and twenty test examples."""
    return draw_synthetic(40, 20, seed=5)


@pytest.fixture(scope="session")
def early() -> RawData:
    """As many examples again, which stand for the early release."""
    return draw_synthetic(40, 20, seed=6)


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """A function that returns an array as an IDX file's bytes."""

    def encode(array: np.ndarray) -> bytes:
        header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        return header + array.astype(np.uint8).tobytes()

    return encode


@pytest.fixture(scope="session")
def small_files(small: RawData, idx_bytes: Callable[[np.ndarray], bytes]) -> dict[str, bytes]:
    """The small data set's four IDX files by name."""
    return {
        name: idx_bytes(getattr(getattr(small, split), part))
        for name, (split, part) in IDX_NAMES.items()
    }


@pytest.fixture
def idx_dir(tmp_path: Path, small_files: dict[str, bytes]) -> Path:
    """A directory with the small data set as IDX files; the images are packed."""
    directory = tmp_path / "idx"
    directory.mkdir()
    for name, content in small_files.items():
        if "images" in name:
            (directory / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="session")
def csv_text() -> Callable[..., str]:
    """A function that returns images and labels as CSV."""

    def encode(images: np.ndarray, labels: np.ndarray | None, header: bool = True) -> str:
        names = [f"pixel{i}" for i in range(1, 785)]
        rows = images.reshape(len(images), 784)
        if labels is not None:
            names = ["label", *names]
            rows = np.concatenate([labels[:, None], rows], axis=1)
        lines = [",".join(names)] if header else []
        return "\n".join(lines + [",".join(map(str, row)) for row in rows.tolist()]) + "\n"

    return encode


@pytest.fixture
def csv_dir(tmp_path: Path, small: RawData, csv_text: Callable[..., str]) -> Path:
    """A directory with the small data set as CSV files."""
    directory = tmp_path / "csv"
    directory.mkdir()
    (directory / "fashion-mnist_train.csv").write_text(csv_text(*small.train))
    (directory / "fashion-mnist_test.csv").write_text(csv_text(*small.test))
    return directory


def release(raw: RawData, parts: tuple[checksums.Part, ...] = checksums.PARTS) -> Release:
    """What identifies this data set, when the checksums of these parts are known."""
    sums: dict[tuple[str, checksums.Part], str] = {
        (split, part): checksums.content_sums(content)[part]
        for split, content in (("train", raw.train), ("test", raw.test))
        for part in parts
    }
    pixels = raw.train.images.reshape(len(raw.train.images), -1).sum(axis=0, dtype=np.int64)
    return Release(sums, {column: int(pixels[column - 1]) for column in (300, 400)})


@pytest.fixture
def small_is_known(monkeypatch: pytest.MonkeyPatch, small: RawData, early: RawData) -> None:
    """Makes `small` the official release, and `early` the early one, of which the labels are known."""
    monkeypatch.setitem(checksums.RELEASES, "official", release(small))
    monkeypatch.setitem(checksums.RELEASES, "early", release(early, ("labels",)))
    monkeypatch.setattr(checksums, "CHECKSUM", small.checksum)
    monkeypatch.setattr(checksums, "TRAIN_EXAMPLES", 40)
    monkeypatch.setattr(checksums, "TEST_EXAMPLES", 20)


@pytest.fixture(scope="session")
def assert_same() -> Callable[[RawData, RawData], None]:
    """A function that asserts that two data sets are equal, in order and types too."""

    def check(found: RawData, expected: RawData) -> None:
        for a, b in zip(
            (*found.train, *found.test), (*expected.train, *expected.test), strict=True
        ):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        assert found.checksum == expected.checksum

    return check
