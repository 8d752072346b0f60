"""The known content, and how a data set is recognised."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fmnist_jax.data import checksums
from fmnist_jax.data.dataset import RawData, Split
from fmnist_jax.data.idx import find_idx_files, read_idx_files


def test_digest_depends_on_content_but_not_on_order(small: RawData) -> None:
    digest = checksums.content_digest(small.train)
    order = np.random.default_rng(0).permutation(40)
    assert checksums.content_digest(Split(*(part[order] for part in small.train))) == digest
    swapped = small.train.labels.copy()
    swapped[:2] = swapped[1::-1] if swapped[0] != swapped[1] else (swapped[:2] + 1) % 10
    assert checksums.content_digest(Split(small.train.images, swapped)) != digest


def test_digest_of_one_example() -> None:
    pixels = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)
    expected = hashlib.sha256(hashlib.sha256(b"\x03" + pixels.tobytes()).digest()).hexdigest()
    assert checksums.content_digest(Split(pixels, np.array([3], np.int32))) == expected


def test_checksum_follows_the_files(small: RawData, small_files: dict[str, bytes]) -> None:
    headers = {"train-images": 16, "train-labels": 8, "t10k-images": 16, "t10k-labels": 8}
    content = b"".join(
        next(data for name, data in small_files.items() if name.startswith(part))[skip:]
        for part, skip in headers.items()
    )
    assert checksums.checksum(small.train, small.test) == hashlib.sha256(content).hexdigest()


def test_synthetic_data_is_not_fashion_mnist(small: RawData) -> None:
    assert not checksums.is_fashion_mnist(small)


def test_the_real_data(real_data_dir: Path) -> None:
    files = find_idx_files(real_data_dir)
    if files is None:
        pytest.skip("needs the real data as IDX files")
    raw = read_idx_files(files, verify=True)
    assert raw.checksum == checksums.CHECKSUM
    order = np.random.default_rng(0).permutation(60000)
    train = Split(*(part[order] for part in raw.train))
    shuffled = checksums.raw_data(train, raw.test, "shuffled", None)
    assert shuffled.checksum != checksums.CHECKSUM
    assert checksums.is_fashion_mnist(shuffled)
    train.images[0, 0, 0] ^= 1
    assert not checksums.is_fashion_mnist(checksums.raw_data(train, raw.test, "altered", None))
