"""The IDX reader: what it reads, and the error of one line for damaged files."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist_jax.data import idx
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.directory import FORMATS, find_files, read_files
from fmnist_jax.data.idx import read_idx
from fmnist_jax.errors import UserError

VALID = struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 4) + bytes(range(24))


def packed(content: bytes) -> bytes:
    """The same bytes each time: gzip's header would have the time."""
    return gzip.compress(content, mtime=0)


DAMAGED = {
    "empty": (b"", "magic"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(20), "0x89504e47"),
    "floats": (b"\0\0\x0d" + VALID[3:], "magic"),
    "two dimensions": (b"\0\0\x08\x02" + VALID[4:], "magic"),
    "cut header": (VALID[:10], "within its header"),
    "cut": (VALID[:-1], "promises 24 bytes"),
    "cut before packing": (packed(VALID[:-1]), "found 23"),
    "too long": (VALID + b"x", "more than the 24"),
    "too long before packing": (packed(VALID + b"x"), "more than the 24"),
    "packed and cut": (packed(VALID)[:-9], "damaged or cut off"),
    "another checksum of gzip": (packed(VALID)[:-8] + bytes(8), "damaged or cut off"),
    "no stream": (b"\x1f\x8b" + bytes(30), "damaged or cut off"),
    "no images": (struct.pack(">4B3I", 0, 0, 8, 3, 0, 28, 28), "promises nothing"),
}

fuzz = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_bytes(path: Path, content: bytes) -> np.ndarray | None:
    """Read a file with this content; None if it is refused by one line that names it."""
    path.write_bytes(content)
    try:
        return read_idx(path)
    except UserError as error:
        refusal = str(error)
    assert str(path) in refusal
    assert "\n" not in refusal
    return None


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "packed"])
def test_reads_images_and_labels(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    images = read_bytes(tmp_path / "images", pack(VALID))
    np.testing.assert_array_equal(images, np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    labels = read_bytes(tmp_path / "labels", pack(b"\0\0\x08\x01\0\0\0\x03\x07\x08\x09"))
    np.testing.assert_array_equal(labels, np.array([7, 8, 9], np.uint8))


@pytest.mark.parametrize("damage", DAMAGED)
def test_refuses_damaged_files(tmp_path: Path, damage: str) -> None:
    content, said = DAMAGED[damage]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "packed"])
def test_believes_no_promise_of_terabytes(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("allocated before the header was checked")

    monkeypatch.setattr(np, "empty", refuse)
    (tmp_path / "file").write_bytes(
        pack(struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3) + VALID)
    )
    with pytest.raises(UserError, match="more than the file can hold"):
        read_idx(tmp_path / "file")


def test_unpacks_no_more_than_the_header_promises(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(packed(VALID + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="more than the 24"):
            read_idx(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_large_promise_is_refused_below_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 30)
    (tmp_path / "file").write_bytes(VALID)
    with pytest.raises(UserError, match="more than the file can hold"):
        read_idx(tmp_path / "file")


def test_missing_files_and_directories(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_idx(tmp_path / "missing")
    with pytest.raises(UserError, match="not a file"):
        read_idx(tmp_path)


@fuzz
@given(content=st.binary(max_size=200), magic=st.sampled_from([b"", VALID[:4], b"\0\0\x08\x01"]))
def test_fuzz_arbitrary_bytes(tmp_path: Path, content: bytes, magic: bytes) -> None:
    array = read_bytes(tmp_path / "file", magic + content)
    if array is not None:
        assert array.dtype == np.uint8
        assert array.size == len(magic + content) - 4 - 4 * array.ndim


@fuzz
@given(st.data())
def test_fuzz_mutated_files(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([VALID, packed(VALID)])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(at, min(len(content), at + 3)))
        content[at:end] = data.draw(st.binary(max_size=3))
    array = read_bytes(tmp_path / "file", bytes(content))
    if array is not None:
        assert array.dtype == np.uint8
        assert array.ndim in (1, 3)


def test_reads_a_directory(
    idx_dir: Path, small: RawData, assert_same: Callable[[RawData, RawData], None]
) -> None:
    files = find_files(FORMATS["idx"], idx_dir)
    assert files is not None
    found = read_files(FORMATS["idx"], files, verify=False)
    assert_same(found, small)
    assert found.source == f"IDX files in {idx_dir}"


def test_a_directory_without_idx_files_has_none(tmp_path: Path) -> None:
    assert find_files(FORMATS["idx"], tmp_path) is None


def test_names_the_missing_file(idx_dir: Path) -> None:
    (idx_dir / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte"):
        find_files(FORMATS["idx"], idx_dir)


def read_directory(directory: Path, verify: bool = False) -> RawData:
    files = find_files(FORMATS["idx"], directory)
    assert files is not None
    return read_files(FORMATS["idx"], files, verify)


def swap(a: Path, b: Path) -> None:
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)


def test_swapped_images_and_labels(idx_dir: Path) -> None:
    swap(idx_dir / "train-images-idx3-ubyte.gz", idx_dir / "train-labels-idx1-ubyte")
    with pytest.raises(UserError, match=r"train-images.*expected images.*found labels.*swapped"):
        read_directory(idx_dir)


def test_labels_of_the_other_split(idx_dir: Path) -> None:
    swap(idx_dir / "train-labels-idx1-ubyte", idx_dir / "t10k-labels-idx1-ubyte")
    with pytest.raises(UserError, match=r"40 images but .*train-labels-idx1-ubyte holds 20 labels"):
        read_directory(idx_dir)


@pytest.mark.usefixtures("small_is_known")
def test_swapped_training_and_test_files(idx_dir: Path) -> None:
    swap(idx_dir / "train-labels-idx1-ubyte", idx_dir / "t10k-labels-idx1-ubyte")
    swap(idx_dir / "train-images-idx3-ubyte.gz", idx_dir / "t10k-images-idx3-ubyte.gz")
    with pytest.raises(
        UserError, match=r"train-images.*expected the train images, found the test.*swapped"
    ):
        read_directory(idx_dir, verify=True)


@pytest.mark.usefixtures("small_is_known")
def test_labels_of_the_early_release_with_official_images(
    idx_dir: Path, early: RawData, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    (idx_dir / "train-labels-idx1-ubyte").write_bytes(idx_bytes(early.train.labels))
    with pytest.raises(
        UserError,
        match=r"train-labels-idx1-ubyte: labels of the early release with images of the",
    ):
        read_directory(idx_dir, verify=True)
    read_directory(idx_dir, verify=False)


@pytest.mark.usefixtures("small_is_known")
def test_altered_content(idx_dir: Path, small_files: dict[str, bytes]) -> None:
    read_directory(idx_dir, verify=True)
    name = "train-images-idx3-ubyte"
    altered = bytearray(small_files[name])
    altered[-1] ^= 1
    (idx_dir / f"{name}.gz").write_bytes(packed(bytes(altered)))
    with pytest.raises(UserError, match=r"train-images.*altered.*SHA-256.*--no-verify"):
        read_directory(idx_dir, verify=True)
    read_directory(idx_dir, verify=False)


def test_label_out_of_range(idx_dir: Path, small_files: dict[str, bytes]) -> None:
    name = "t10k-labels-idx1-ubyte"
    (idx_dir / name).write_bytes(small_files[name][:-1] + b"\x0a")
    with pytest.raises(UserError, match=r"t10k-labels.*example 19 has the label 10.*0 to 9"):
        read_directory(idx_dir)


def test_images_of_another_size(idx_dir: Path, idx_bytes: Callable[[np.ndarray], bytes]) -> None:
    wrong = idx_bytes(np.zeros((40, 32, 30), np.uint8))
    (idx_dir / "train-images-idx3-ubyte.gz").write_bytes(packed(wrong))
    with pytest.raises(UserError, match=r"train-images.*28x28.*32x30"):
        read_directory(idx_dir)


def test_the_real_data(real_data_dir: Path) -> None:
    if find_files(FORMATS["idx"], real_data_dir) is None:
        pytest.skip("needs the real data as IDX files")
    raw = read_directory(real_data_dir, verify=True)
    assert raw.train.images.shape == (60000, 28, 28)
    assert np.bincount(raw.train.labels).tolist() == [6000] * 10
    assert np.bincount(raw.test.labels).tolist() == [1000] * 10
