"""From a configuration to three splits."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from fmnist_jax.data import sources
from fmnist_jax.data.checksums import CHECKSUM
from fmnist_jax.data.dataset import CLASS_NAMES, RawData
from fmnist_jax.data.loading import DataConfig, describe, load_dataset
from fmnist_jax.errors import UserError


def test_loads_and_splits(idx_dir: Path, small: RawData) -> None:
    lines: list[str] = []
    config = DataConfig(data_dir=idx_dir, validation_fraction=0.25, verify=False)
    dataset = load_dataset(config, lines.append)
    assert len(dataset.train.labels) == 30
    assert len(dataset.validation.labels) == 10
    np.testing.assert_array_equal(dataset.test.images, small.test.images)
    assert (dataset.checksum, dataset.path) == (small.checksum, idx_dir)
    assert lines == [f"Data: IDX files in {idx_dir}: 30 training, 10 validation, 20 test images"]
    again = load_dataset(config, lines.append)  # from the cache
    np.testing.assert_array_equal(dataset.validation.images, again.validation.images)


def test_the_same_split_from_idx_and_csv(idx_dir: Path, csv_dir: Path) -> None:
    a, b = (
        load_dataset(
            DataConfig(data_dir=d, validation_fraction=0.25, stratified=True, verify=False),
            lambda _: None,
        )
        for d in (idx_dir, csv_dir)
    )
    np.testing.assert_array_equal(a.validation.images, b.validation.images)
    assert a.checksum == b.checksum


def test_a_directory_may_be_a_str(idx_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (idx_dir, str(idx_dir)):
        config = DataConfig(data_dir=cast(Path, given), verify=False)
        assert load_dataset(config, lambda _: None).path == idx_dir


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data_dir", 3),
        ("validation_fraction", "x"),
        ("validation_fraction", None),
        ("validation_fraction", -0.1),
        ("validation_fraction", 1),
        ("validation_fraction", True),
        ("validation_fraction", 1.5),
        ("validation_fraction", float("nan")),
        ("stratified", "no"),
        ("split_seed", -1),
        ("split_seed", 2**32),
        ("split_seed", 0.5),
        ("split_seed", True),
        ("split_seed", "1"),
        ("verify", 0),
        ("resplit_seed", -1),
        ("resplit_seed", 2**32),
        ("resplit_seed", True),
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused(field: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"^{field} must be .*, found ") as caught:
        DataConfig(**{field: value})
    assert str(caught.value).endswith(f"found {value!r}")


@pytest.mark.usefixtures("small_is_known")
def test_describe(idx_dir: Path, cache_dir: Path, small: RawData) -> None:
    found = describe(load_dataset(DataConfig(data_dir=idx_dir), lambda _: None))
    assert json.loads(json.dumps(found)) == {
        "source": f"IDX files in {idx_dir}",
        "path": str(idx_dir),
        "train": 32,
        "validation": 8,
        "test": 20,
        "classes": list(CLASS_NAMES),
        "checksum": small.checksum,
        "fashion_mnist": True,
        "release": "official",
        "title": "Fashion-MNIST, official release",
        "resplit_seed": None,
        "test_images_from_the_test_file": 20,
        "cache": str(cache_dir),
    }


@pytest.mark.usefixtures("small_is_known")
def test_a_resplit_is_named_and_knows_where_its_images_come_from(
    idx_dir: Path, small: RawData
) -> None:
    lines: list[str] = []
    dataset = load_dataset(DataConfig(data_dir=idx_dir, resplit_seed=2), lines.append)
    assert dataset.title == "Fashion-MNIST, official release, re-split 2"
    assert lines == [
        f"Data: IDX files in {idx_dir}, {dataset.title}: 32 training, 8 validation, 20 test images"
    ]
    # The same files, so the same checksum; the configuration says how they were split.
    assert (dataset.checksum, dataset.resplit_seed) == (small.checksum, 2)
    assert sum(dataset.from_test_file(name).sum() for name in dataset.splits) == 20
    for name, split in dataset.splits.items():
        from_test = dataset.from_test_file(name)
        originals = dataset.positions[name][from_test] - 40
        np.testing.assert_array_equal(split.images[from_test], small.test.images[originals])
    found = describe(dataset)
    assert (found["resplit_seed"], found["title"]) == (2, dataset.title)
    count = found["test_images_from_the_test_file"]
    assert isinstance(count, int)
    assert 0 < count < 20


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(UserError, match="unknown release 'late': known are any, early, official"):
        DataConfig(release=cast(Any, "late"))


@pytest.fixture
def early_dir(tmp_path: Path, early: RawData, csv_text: Callable[..., str]) -> Path:
    """A directory with the early release as CSV files, under the names of a competition."""
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "train.csv").write_text(csv_text(*early.train))
    (tmp_path / "early" / "test.csv").write_text(csv_text(*early.test))
    return tmp_path / "early"


@pytest.mark.usefixtures("small_is_known")
@pytest.mark.parametrize("release", ["any", "early"])
def test_the_early_release(early_dir: Path, early: RawData, release: Any) -> None:
    lines: list[str] = []
    config = DataConfig(data_dir=early_dir, release=release)
    load_dataset(config, lambda _: None)
    dataset = load_dataset(config, lines.append)  # from the cache
    assert (dataset.release, dataset.checksum) == ("early", early.checksum)
    assert dataset.title == "Fashion-MNIST, early release (August 2017, as on Kaggle)"
    assert dataset.title in lines[0]
    assert lines[1].startswith("Unverified images: the labels are those of the early release")
    assert len(lines) == 2
    assert not any("\n" in line for line in lines)
    found = describe(dataset)
    assert (found["release"], found["title"]) == ("early", dataset.title)
    assert found["fashion_mnist"]


@pytest.mark.usefixtures("small_is_known")
def test_a_required_release_is_required(early_dir: Path, idx_dir: Path) -> None:
    official = load_dataset(DataConfig(data_dir=idx_dir, release="official"), lambda _: None)
    assert official.release == "official"
    with pytest.raises(
        UserError, match=r"^release: expected the official release, found the early"
    ):
        load_dataset(DataConfig(data_dir=early_dir, release="official"), lambda _: None)
    with pytest.raises(
        UserError, match=r"^release: expected the early release, found the official"
    ):
        load_dataset(DataConfig(data_dir=idx_dir, release="early"), lambda _: None)


def test_other_images_are_no_release(idx_dir: Path) -> None:
    config = DataConfig(data_dir=idx_dir, verify=False)
    assert load_dataset(config, lambda _: None).release == "other"
    with pytest.raises(
        UserError, match="expected the official release, found the other one in IDX"
    ):
        load_dataset(DataConfig(data_dir=idx_dir, verify=False, release="official"), print)


@pytest.mark.parametrize("source", [None, "debian", "tfds", "apt", "synthetic"])
def test_the_early_release_is_not_looked_for_where_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch, source: str | None
) -> None:
    for name in sources.SOURCES:
        monkeypatch.setitem(sources.SOURCES, name, lambda verify: pytest.fail("fetched"))
    with pytest.raises(UserError, match=r"^release: .* from Kaggle and pass .* as --data-dir$"):
        load_dataset(DataConfig(source=source, release="early"), lambda _: None)


def test_synthetic_by_name() -> None:
    lines: list[str] = []
    found = describe(load_dataset(DataConfig(source="synthetic"), lines.append))
    assert (found["train"], found["validation"], found["test"]) == (4800, 1200, 1000)
    assert found["path"] is None
    assert not found["fashion_mnist"]
    assert "not Fashion-MNIST" in lines[0]


def test_errors_come_before_the_line(idx_dir: Path) -> None:
    lines: list[str] = []
    with pytest.raises(UserError, match="validation_fraction"):
        load_dataset(
            DataConfig(data_dir=idx_dir, validation_fraction=0.001, verify=False), lines.append
        )
    assert lines == []


def test_imports_nothing_heavy() -> None:
    heavy = ("jax", "pandas", "pyarrow", "sklearn", "tensorflow_datasets", "matplotlib")
    code = "import sys, fmnist_jax.data.loading; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not set(heavy) & set(loaded)


def test_the_real_data(real_data_dir: Path) -> None:
    dataset = load_dataset(DataConfig(data_dir=real_data_dir), lambda _: None)
    sizes = [len(s.labels) for s in (dataset.train, dataset.validation, dataset.test)]
    assert sizes == [48_000, 12_000, 10_000]
    assert describe(dataset)["fashion_mnist"]
    again = load_dataset(DataConfig(data_dir=real_data_dir, stratified=True), lambda _: None)
    assert np.bincount(again.validation.labels).tolist() == [1200] * 10
    # Golden values: the split of the figures in the README.
    if dataset.checksum == CHECKSUM:
        assert dataset.validation.labels[:10].tolist() == [7, 7, 1, 7, 4, 1, 6, 3, 0, 7]


@pytest.mark.usefixtures("small_is_known")
def test_a_fraction_of_0_leaves_all_images_to_training(idx_dir: Path, small: RawData) -> None:
    dataset = load_dataset(DataConfig(data_dir=idx_dir, validation_fraction=0), lambda _: None)
    assert list(dataset.splits) == ["train", "test"]
    assert len(dataset.train.labels) == len(small.train.labels)
    assert describe(dataset)["validation"] == 0
