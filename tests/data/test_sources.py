"""Which source is taken, in which order, and what is said where none works."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fmnist_jax.data
from fmnist_jax.data import cache, debian, sources
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.directory import Files, Format, read_files
from fmnist_jax.data.sources import AUTOMATIC, FORMATS, SOURCES, obtain
from fmnist_jax.errors import UserError

Same = Callable[[RawData, RawData], None]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the sources that were tried, all of which fail."""
    names: list[str] = []

    def failing(name: str) -> Callable[[bool], RawData]:
        def ask(verify: bool) -> RawData:
            names.append(name)
            raise UserError(f"{name} is not here")

        return ask

    for name in SOURCES:
        monkeypatch.setitem(SOURCES, name, failing(name))
    return names


def test_all_fail_and_nothing_is_drawn(tried: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        obtain(None, None, True)
    message = str(caught.value)
    assert tried == ["debian", "tfds", "apt"]
    for word in (*tried, "debian is not here", debian.PACKAGE, "--data-dir", "FMNIST_DATA_DIR"):
        assert word in message
    assert "\n" not in message


def test_tensorflow_datasets_is_an_extra(
    small: RawData, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # makes its import fail
    monkeypatch.delitem(sys.modules, "fmnist_jax.data.tfds_builder", raising=False)
    monkeypatch.delattr(fmnist_jax.data, "tfds_builder", raising=False)
    message = r"TensorFlow Datasets .* isn't installed: pip install 'fmnist-jax\[tfds\]'$"
    with pytest.raises(UserError, match=message):
        obtain("tfds", None, True)
    monkeypatch.setattr(debian, "DIRECTORY", cache_dir / "missing")
    monkeypatch.setitem(SOURCES, "apt", lambda verify: small)
    assert obtain(None, None, True) is small  # the automatic order goes on to the next


def test_synthetic_is_never_automatic() -> None:
    assert "synthetic" in SOURCES
    assert "synthetic" not in AUTOMATIC


def test_the_first_that_works(
    tried: list[str], small: RawData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "tfds", lambda verify: small)
    assert obtain(None, None, True) is small
    assert tried == ["debian"]


@pytest.mark.usefixtures("small_is_known")
def test_an_earlier_load_comes_first(tried: list[str], small: RawData, assert_same: Same) -> None:
    cache.store("anything", small)
    found = obtain(None, None, True)
    assert_same(found, small)
    assert "cache" in found.source
    assert tried == []


def test_other_content_in_the_cache_is_not_taken(tried: list[str], small: RawData) -> None:
    cache.store("anything", small)
    with pytest.raises(UserError, match="any source"):
        obtain(None, None, True)
    assert tried == list(AUTOMATIC)


def test_precedence(
    tried: list[str],
    small: RawData,
    idx_dir: Path,
    csv_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SOURCES, "synthetic", lambda verify: small)
    monkeypatch.setenv("FMNIST_DATA_DIR", str(csv_dir))
    assert obtain(None, idx_dir, False).path == idx_dir  # the option before the environment
    assert obtain(None, None, False).path == csv_dir  # the environment before the automatic order
    assert obtain("csv", None, False).path == csv_dir
    assert obtain("synthetic", None, False) is small  # a named source before the environment
    assert tried == []


def test_a_directory_that_fails_falls_back_on_nothing(tried: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"four IDX files.*fashion-mnist_train.*found nothing"):
        obtain(None, tmp_path, False)
    with pytest.raises(UserError, match="No such file"):
        obtain(None, tmp_path / "missing", False)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Not a directory"):
        obtain(None, tmp_path / "file", False)
    assert tried == []


def test_idx_before_csv_unless_named(idx_dir: Path, csv_dir: Path) -> None:
    for path in csv_dir.iterdir():
        path.rename(idx_dir / path.name)
    assert obtain(None, idx_dir, False).source == f"IDX files in {idx_dir}"
    assert obtain("csv", idx_dir, False).source == f"CSV files in {idx_dir}"
    with pytest.raises(UserError, match="four IDX files"):
        obtain("idx", csv_dir, False)


def test_names_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown data source 'mnist'.*apt, csv, debian, idx"):
        obtain("mnist", None, True)
    with pytest.raises(UserError, match="'synthetic' takes no directory"):
        obtain("synthetic", tmp_path, True)
    for name in FORMATS:
        with pytest.raises(UserError, match=f"'{name}' needs a directory"):
            obtain(name, None, True)


def test_debian_reads_its_directory(
    idx_dir: Path, small: RawData, assert_same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "DIRECTORY", idx_dir)
    assert_same(obtain("debian", None, False), small)
    monkeypatch.setattr(debian, "DIRECTORY", idx_dir / "missing")
    with pytest.raises(UserError, match=f"install {debian.PACKAGE}"):
        obtain("debian", None, False)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    reads = []

    def read(form: Format, files: Files, verify: bool) -> RawData:
        reads.append(verify)
        return read_files(form, files, verify)

    monkeypatch.setattr(sources, "read_files", read)
    return reads


def test_a_directory_is_read_once_until_it_changes(
    idx_dir: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    small: RawData,
    assert_same: Same,
) -> None:
    reads = count_reads(monkeypatch)
    first = obtain(None, idx_dir, False)
    assert_same(obtain(None, idx_dir, False), first)
    assert len(reads) == 1
    os.utime(idx_dir / "train-labels-idx1-ubyte", ns=(1, 1))
    obtain(None, idx_dir, False)
    assert len(reads) == 2
    content = cache_dir / cache.content_name(small.checksum, 40, 20)
    damaged = bytearray(content.read_bytes())
    damaged[1000] ^= 1
    content.write_bytes(damaged)
    assert_same(obtain(None, idx_dir, False), first)
    assert len(reads) == 3
    assert_same(obtain(None, idx_dir, False), first)  # from the repaired cache
    assert len(reads) == 3


def test_what_was_kept_unchecked_does_not_pass_for_checked(idx_dir: Path) -> None:
    obtain(None, idx_dir, False)
    with pytest.raises(UserError, match=r"train-labels.*altered or reordered"):
        obtain(None, idx_dir, True)


@pytest.mark.usefixtures("small_is_known")
def test_a_checked_directory_is_kept(idx_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = count_reads(monkeypatch)
    obtain(None, idx_dir, True)
    obtain(None, idx_dir, True)
    assert reads == [True]


def test_many_at_once_read_once(
    idx_dir: Path, small: RawData, assert_same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = count_reads(monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: obtain(None, idx_dir, False), range(16)):
            assert_same(found, small)
    assert len(reads) == 1
