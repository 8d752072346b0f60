"""The cache returns what was stored, and never anything damaged."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist_jax.data import cache
from fmnist_jax.data.dataset import RawData
from fmnist_jax.errors import UserError

Same = Callable[[RawData, RawData], None]


def test_gives_back_what_was_stored(cache_dir: Path, small: RawData, assert_same: Same) -> None:
    assert cache.load("key") is None
    cache.store("key", small._replace(path=cache_dir))
    found = cache.load("key")
    assert found is not None
    assert_same(found, small)
    assert (found.source, found.path) == (small.source, cache_dir)
    assert cache.load("other") is None


def test_content_is_kept_once(cache_dir: Path, small: RawData) -> None:
    cache.store("a", small)
    cache.store("b", small)
    assert sorted(p.name for p in cache_dir.iterdir()) == sorted(
        ["a.json", "b.json", cache.content_name(small.checksum, 40, 20)]
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damage_is_noticed(
    cache_dir: Path, small: RawData, assert_same: Same, data: st.DataObject
) -> None:
    cache.store("key", small)
    path = cache_dir / data.draw(
        st.sampled_from(["key.json", cache.content_name(small.checksum, 40, 20)])
    )
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(at, min(len(content), at + 4)))
    content[at:end] = data.draw(st.binary(max_size=4))
    path.write_bytes(content)
    found = cache.load("key")
    if found is not None:  # only what doesn't matter was changed: the source's name, or white space
        assert_same(found, small)


@pytest.mark.parametrize(
    "change",
    [
        {"train": 10**15},
        {"train": -40},
        {"train": 41, "test": 19},
        {"train": None},
        {"content": "../" * 3},
        {"content": 7},
    ],
    ids=["huge", "negative", "other sizes", "no size", "a path", "a number"],
)
def test_a_false_index_is_noticed(cache_dir: Path, small: RawData, change: dict) -> None:
    cache.store("key", small)
    index = cache_dir / "key.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | change))
    assert cache.load("key") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "[" * 100_000], ids=["empty", "list", "number", "deep"]
)
def test_an_index_of_another_kind_is_noticed(cache_dir: Path, small: RawData, text: str) -> None:
    cache.store("key", small)
    (cache_dir / "key.json").write_text(text)
    assert cache.load("key") is None


def test_a_write_that_fails_leaves_nothing(
    cache_dir: Path, small: RawData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    cache.store("key", small)
    assert list(cache_dir.iterdir()) == []


def test_works_without_a_directory_that_can_be_made(
    tmp_path: Path, small: RawData, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FMNIST_CACHE_DIR", str(tmp_path / "file" / "cache"))
    cache.store("key", small)
    with cache.lock():
        assert cache.load("key") is None


def test_a_lock_that_is_held_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0)
    with cache.lock(), pytest.raises(UserError, match="held by another process"), cache.lock():
        pass
    with cache.lock():  # released
        pass


def test_fingerprint_notices_place_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    first = cache.fingerprint([path])
    assert cache.fingerprint([path]) == first
    os.utime(path, ns=(0, 0))
    second = cache.fingerprint([path])
    path.write_bytes(b"abcd")
    os.utime(path, ns=(0, 0))
    third = cache.fingerprint([path])
    moved = path.rename(tmp_path / "moved")
    assert len({first, second, third, cache.fingerprint([moved])}) == 4
    with pytest.raises(UserError, match="can't be read"):
        cache.fingerprint([path])


def test_place(monkeypatch: pytest.MonkeyPatch, cache_dir: Path) -> None:
    assert cache.cache_directory() == cache_dir
    monkeypatch.delenv("FMNIST_CACHE_DIR")
    assert cache.cache_directory() == Path(platformdirs.user_cache_dir("fmnist-jax"))
