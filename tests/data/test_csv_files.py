"""The CSV reader: headers or none, labels or none, and damaged files."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist_jax.data.checksums import release_of
from fmnist_jax.data.csv_files import read_csv_images
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.directory import FORMATS, find_files, read_files
from fmnist_jax.errors import UserError

fuzz = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_reads_images(
    tmp_path: Path,
    small: RawData,
    csv_text: Callable[..., str],
    header: bool,
    labelled: bool,
    end: str,
) -> None:
    path = tmp_path / "images.csv"
    text = csv_text(small.test.images, small.test.labels if labelled else None, header)
    path.write_bytes(text.replace("\n", end).encode())
    images, labels = read_csv_images(path)
    np.testing.assert_array_equal(images, small.test.images)
    assert images.dtype == np.uint8
    if labelled:
        assert labels is not None
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels, small.test.labels)
    else:
        assert labels is None


@pytest.fixture(scope="session")
def text(small: RawData, csv_text: Callable[..., str]) -> str:
    """Three rows with a header."""
    return csv_text(small.test.images[:3], small.test.labels[:3])


DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda t: "", "784 columns.*found 1"),
    "header alone": (lambda t: t.splitlines()[0] + "\n", "no rows"),
    "a name too few": (lambda t: t.replace("label,", ""), "whole numbers"),
    "label last": (
        lambda t: t.replace("pixel784", "label").replace("label", "first", 1),
        "'label' first",
    ),
    "a column too few": (lambda t: re.sub(r",[^,]*$", "", t, flags=re.MULTILINE), "'label' first"),
    "nine columns too few": (
        lambda t: re.sub(r"(,[^,]*){9}$", "", t, flags=re.MULTILINE),
        "found 776",
    ),
    "cut off": (lambda t: t[:-20], "whole numbers"),
    "a short row": (lambda t: t + "3,4\n", "whole numbers"),
    "a long row": (lambda t: t.rstrip() + ",0\n", "whole numbers"),
    "a line without an end": (lambda t: t + "0," * 40_000, "line of 65536 bytes or more"),
    "256": (lambda t: t.replace(",0,", ",256,", 1), "256"),
    "-1": (lambda t: t.replace(",0,", ",-1,", 1), "-1"),
    "0.5": (lambda t: t.replace(",0,", ",0.5,", 1), "0.5"),
    "1e2": (lambda t: t.replace(",0,", ",1e2,", 1), "1e2"),
    "no digits": (lambda t: t.replace(",0,", ",,", 1), "whole numbers"),
    "NA": (lambda t: t.replace(",0,", ",NA,", 1), "NA"),
    "text": (lambda t: t.replace(",0,", ",cat,", 1), "cat"),
    "quotes": (lambda t: t.replace(",0,", ',"0",', 1), "whole numbers"),
    "a comment": (lambda t: t.replace(",0,", ",0#,", 1), "whole numbers"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_refuses_damaged_files(tmp_path: Path, text: str, damage: str) -> None:
    alter, said = DAMAGE[damage]
    path = tmp_path / "images.csv"
    path.write_text(alter(text))
    with pytest.raises(UserError, match=said) as caught:
        read_csv_images(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["0.5", "-1", "1e2", "nan", "", '"'])
@pytest.mark.parametrize("columns", [784, 785])
def test_a_first_row_without_names_is_no_header(
    tmp_path: Path, csv_text: Callable[..., str], small: RawData, field: str, columns: int
) -> None:
    path = tmp_path / "images.csv"
    labels = small.test.labels if columns == 785 else None
    path.write_text(",".join([field] * columns) + "\n" + csv_text(*small.test[:1], labels, False))
    with pytest.raises(UserError, match=f"expected rows of {columns} whole numbers"):
        read_csv_images(path)


def test_a_byte_order_mark_and_blank_lines_are_skipped(
    tmp_path: Path, text: str, small: RawData
) -> None:
    path = tmp_path / "images.csv"
    for content in (text, text.split("\n", 1)[1]):
        path.write_bytes(b"\xef\xbb\xbf" + content.replace("\n", "\n\n").encode())
        np.testing.assert_array_equal(read_csv_images(path)[0], small.test.images[:3])


@pytest.mark.parametrize(
    "names",
    [[f"{i}x{j}" for i in range(28) for j in range(28)], [f'"p{i}"' for i in range(784)]],
    ids=["coordinates", "quoted"],
)
def test_names_of_other_kinds_are_a_header(
    tmp_path: Path, csv_text: Callable[..., str], small: RawData, names: list[str]
) -> None:
    path = tmp_path / "images.csv"
    path.write_text(",".join(names) + "\n" + csv_text(small.test.images, None, False))
    np.testing.assert_array_equal(read_csv_images(path)[0], small.test.images)


def test_missing_files_and_directories(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_csv_images(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="not a file"):
        read_csv_images(tmp_path)


def read_or_refuse(path: Path, content: bytes) -> None:
    """Assert that the file gives whole images or an error of one line that names it."""
    path.write_bytes(content)
    try:
        images, labels = read_csv_images(path)
    except UserError as error:
        refusal = str(error)
    else:
        assert images.shape[1:] == (28, 28)
        assert labels is None or len(labels) == len(images)
        return
    assert str(path) in refusal
    assert "\n" not in refusal


@fuzz
@given(content=st.binary(max_size=300), after_header=st.booleans())
def test_fuzz_arbitrary_bytes(
    tmp_path: Path, text: str, content: bytes, after_header: bool
) -> None:
    header = text.splitlines()[0].encode() + b"\n"
    read_or_refuse(tmp_path / "file.csv", header * after_header + content)


@fuzz
@given(st.data())
def test_fuzz_mutated_files(tmp_path: Path, text: str, data: st.DataObject) -> None:
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(at, min(len(content), at + 5)))
        content[at:end] = data.draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b",", b"\n", b'"', b"\r", b"\0"]))
        )
    read_or_refuse(tmp_path / "file.csv", bytes(content))


def read_directory(directory: Path, verify: bool = False) -> RawData:
    files = find_files(FORMATS["csv"], directory)
    assert files is not None
    return read_files(FORMATS["csv"], files, verify)


def test_reads_a_directory(
    csv_dir: Path, small: RawData, assert_same: Callable[[RawData, RawData], None]
) -> None:
    found = read_directory(csv_dir)
    assert_same(found, small)
    assert found.source == f"CSV files in {csv_dir}"


def test_a_directory_without_csv_files_has_none(tmp_path: Path) -> None:
    assert find_files(FORMATS["csv"], tmp_path) is None


def test_names_the_missing_file(csv_dir: Path) -> None:
    (csv_dir / "fashion-mnist_test.csv").unlink()
    with pytest.raises(UserError, match=r"fashion-mnist_test\.csv missing"):
        find_files(FORMATS["csv"], csv_dir)


def test_label_out_of_range(csv_dir: Path, small: RawData, csv_text: Callable[..., str]) -> None:
    labels = small.test.labels.copy()
    labels[4] = 10
    (csv_dir / "fashion-mnist_test.csv").write_text(csv_text(small.test.images, labels))
    with pytest.raises(UserError, match=r"fashion-mnist_test\.csv: example 4 has the label 10"):
        read_directory(csv_dir)


def test_a_directory_needs_labels(
    csv_dir: Path, small: RawData, csv_text: Callable[..., str]
) -> None:
    (csv_dir / "fashion-mnist_train.csv").write_text(csv_text(small.train.images, None))
    with pytest.raises(UserError, match=r"fashion-mnist_train\.csv: expected 785 columns"):
        read_directory(csv_dir)


def test_the_short_names_of_kaggle(csv_dir: Path, small: RawData) -> None:
    for split in ("train", "test"):
        (csv_dir / f"fashion-mnist_{split}.csv").rename(csv_dir / f"{split}.csv")
    np.testing.assert_array_equal(read_directory(csv_dir).test.images, small.test.images)
    (csv_dir / "train.csv").rename(csv_dir / "fashion-mnist_train.csv")
    with pytest.raises(UserError, match=r"fashion-mnist_test\.csv, train\.csv missing"):
        find_files(FORMATS["csv"], csv_dir)


@pytest.mark.usefixtures("small_is_known")
def test_verifies_the_content_in_the_order_of_a_release(
    csv_dir: Path, small: RawData, early: RawData, csv_text: Callable[..., str]
) -> None:
    assert release_of(read_directory(csv_dir, verify=True)) == "official"
    train, test = csv_dir / "fashion-mnist_train.csv", csv_dir / "fashion-mnist_test.csv"
    images, labels = small.train.images.copy(), small.train.labels
    train.write_text(csv_text(images[::-1], labels[::-1]))
    with pytest.raises(UserError, match=r"fashion-mnist_train\.csv: .*order of neither release"):
        read_directory(csv_dir, verify=True)
    read_directory(csv_dir, verify=False)
    images[3, 14, 14] ^= 1
    train.write_text(csv_text(images, labels))
    with pytest.raises(UserError, match=r"fashion-mnist_train\.csv: altered"):
        read_directory(csv_dir, verify=True)
    test.rename(train)
    test.write_text(csv_text(*small.train))
    with pytest.raises(UserError, match=r"train.*found the test images.*swapped"):
        read_directory(csv_dir, verify=True)
    train.write_text(csv_text(*early.train))
    with pytest.raises(UserError, match=r"found the train images.*swapped"):
        read_directory(csv_dir, verify=True)
    test.write_text(csv_text(*small.test))
    with pytest.raises(UserError, match=r"early release with test labels of the official"):
        read_directory(csv_dir, verify=True)
    test.write_text(csv_text(*early.test))
    assert release_of(read_directory(csv_dir, verify=True)) == "early"
