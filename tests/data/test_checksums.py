"""The known content, and how a release is recognised."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fmnist_jax.data import checksums
from fmnist_jax.data.checksums import check_release, raw_data, release_of, unverified_images
from fmnist_jax.data.dataset import RawData, Split
from fmnist_jax.data.directory import FORMATS, find_files, read_files
from fmnist_jax.data.idx import read_idx
from fmnist_jax.errors import UserError

FILES = {
    "train": (Path("train-images"), Path("train-labels")),
    "test": (Path("test-images"), Path("test-labels")),
}


def made_of(images: RawData, labels: RawData) -> RawData:
    """The images of one data set with the labels of another."""
    train = Split(images.train.images, labels.train.labels)
    return raw_data(train, Split(images.test.images, labels.test.labels), "mixed", None)


def reordered(split: Split) -> Split:
    return Split(split.images[::-1].copy(), split.labels[::-1].copy())


def altered(split: Split) -> Split:
    images = split.images.copy()
    images[3, 14, 14] ^= 1
    return Split(images, split.labels)


def test_sums_of_one_example() -> None:
    pixels = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)
    assert checksums.content_sums(Split(pixels, np.array([3], np.int32))) == {
        "images": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "labels": hashlib.sha256(b"\x03").hexdigest(),
    }


def test_checksum_follows_the_files(small: RawData, small_files: dict[str, bytes]) -> None:
    headers = {"train-images": 16, "train-labels": 8, "t10k-images": 16, "t10k-labels": 8}
    content = b"".join(
        next(data for name, data in small_files.items() if name.startswith(part))[skip:]
        for part, skip in headers.items()
    )
    assert checksums.checksum(small.train, small.test) == hashlib.sha256(content).hexdigest()


def test_synthetic_data_is_not_fashion_mnist(small: RawData) -> None:
    assert release_of(small) == "other"


@pytest.mark.usefixtures("small_is_known")
def test_releases_are_recognised(small: RawData, early: RawData) -> None:
    assert (check_release(small, FILES), release_of(small)) == ("official", "official")
    assert (check_release(early, FILES), release_of(early)) == ("early", "early")
    assert unverified_images(small, "official") is None
    assert unverified_images(small, "other") is None


@pytest.mark.usefixtures("small_is_known")
def test_early_images_are_unverified(early: RawData) -> None:
    warning = unverified_images(early, "early")
    assert warning is not None
    assert "pixels over the training images agree with the published ones" in warning
    for split in (early.train, early.test):
        assert hashlib.sha256(split.images.tobytes()).hexdigest() in warning
    strange = early._replace(train=Split(255 - early.train.images, early.train.labels))
    warning = unverified_images(strange, release_of(strange))
    assert warning is not None
    assert "differ: they are probably other images" in warning


@pytest.mark.usefixtures("small_is_known")
def test_early_images_are_verified_once_their_checksums_are_known(
    early: RawData, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = checksums.RELEASES["early"]
    sums = dict(known.sums)
    for split, content in (("train", early.train), ("test", early.test)):
        sums[split, "images"] = checksums.content_sums(content)["images"]
    monkeypatch.setitem(checksums.RELEASES, "early", known._replace(sums=sums))
    assert check_release(early, FILES) == "early"
    assert unverified_images(early, "early") is None
    with pytest.raises(UserError, match=r"train-images: altered, .* not the early release's"):
        check_release(early._replace(train=altered(early.train)), FILES)


@pytest.mark.usefixtures("small_is_known")
def test_mixed_releases_are_refused(small: RawData, early: RawData) -> None:
    cases = {
        r"train-labels: labels of the early release with images of the official .*train-images": (
            made_of(small, early)
        ),
        # Recognised by pixel sums, as the checksums of early images aren't known.
        r"train-labels: labels of the official release with images of the early .*train-images": (
            made_of(early, small)
        ),
        r"train-labels: training labels .*early release with test labels .*official .*test-labels": (
            raw_data(early.train, small.test, "mixed", None)
        ),
        r"test-labels: labels of the early release with images of the official .*test-images": (
            raw_data(early.train, Split(small.test.images, early.test.labels), "mixed", None)
        ),
    }
    for said, mixed in cases.items():
        with pytest.raises(UserError, match=f"{said}.*take both from one release"):
            check_release(mixed, FILES)
        assert release_of(mixed) == "other"


@pytest.mark.usefixtures("small_is_known")
def test_altered_and_reordered_content_is_refused(small: RawData, early: RawData) -> None:
    cases = {
        r"train-images: altered, .* not the official release's": small._replace(
            train=altered(small.train)
        ),
        r"train-labels: .* order of neither release .* altered or reordered": small._replace(
            train=reordered(small.train)
        ),
        r"test-labels: .* order of neither release .* altered or reordered": early._replace(
            test=reordered(early.test)
        ),
        r"train-images: expected the train images, found the test images.*swapped": small._replace(
            train=small.test, test=small.train
        ),
        r"test-labels: expected the test labels, found the train labels.*swapped": early._replace(
            test=early.train
        ),
    }
    for said, wrong in cases.items():
        wrong = raw_data(wrong.train, wrong.test, wrong.source, None)
        with pytest.raises(UserError, match=said) as caught:
            check_release(wrong, FILES)
        assert "\n" not in str(caught.value)
        assert release_of(wrong) == "other"


def test_the_real_data(real_data_dir: Path) -> None:
    files = find_files(FORMATS["idx"], real_data_dir)
    if files is None:
        pytest.skip("needs the real data as IDX files")
    raw = read_files(FORMATS["idx"], files, verify=True)
    assert raw.checksum == checksums.CHECKSUM
    assert check_release(raw, FILES) == release_of(raw) == "official"
    pixels = raw.train.images.reshape(60_000, -1).sum(axis=0, dtype=np.int64)
    known = checksums.RELEASES["official"].pixel_sums
    assert known == {column: pixels[column - 1] for column in (1, 2, 3, 4, 784)}
    order = np.random.default_rng(0).permutation(60000)
    train = Split(*(part[order] for part in raw.train))
    shuffled = raw_data(train, raw.test, "shuffled", None)
    assert shuffled.checksum != checksums.CHECKSUM
    assert release_of(shuffled) == "other"
    train.images[0, 0, 0] ^= 1
    assert release_of(raw_data(train, raw.test, "altered", None)) == "other"


def test_the_real_labels_of_the_early_release(real_data_dir: Path, small: RawData) -> None:
    directory = real_data_dir.parent / "early-release"
    if not directory.is_dir():
        pytest.skip(f"needs the label files of the early release in {directory}")
    train, test = (
        read_idx(directory / f"{name}-labels-idx1-ubyte.gz", 1).astype(np.int32)
        for name in ("train", "t10k")
    )
    assert np.bincount(train).tolist() == [6000] * 10
    assert np.bincount(test).tolist() == [1000] * 10
    # Duplicates that zalandoresearch/fashion-mnist issue 44 lists for the early release.
    for i, j in ((601, 39865), (831, 24228), (1826, 23718), (2024, 53883), (4974, 6293)):
        assert train[i] == train[j]
    assert test[6334] == test[8569]
    pictures = np.resize(small.train.images, (60_000, 28, 28))
    raw = raw_data(Split(pictures, train), Split(pictures[:10_000], test), "early labels", None)
    assert check_release(raw, FILES) == "early"
    files = find_files(FORMATS["idx"], real_data_dir)
    if files is not None:
        official = read_files(FORMATS["idx"], files, verify=False)
        with pytest.raises(UserError, match="labels of the early release with images of the offi"):
            check_release(made_of(official, raw), FILES)
