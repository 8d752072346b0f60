"""The source TensorFlow Datasets from download to split, without its host."""

import functools
import gzip
import hashlib
import http.server
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from etils import epath
from tensorflow_datasets.core.download import checksums as tfds_checksums
from tensorflow_datasets.core.download import resource
from tensorflow_datasets.core.utils import Size

from fmnist_jax.data import tfds_builder
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.sources import obtain
from fmnist_jax.data.tfds_builder import FashionMnistRecords, load_tfds
from fmnist_jax.errors import UserError

Same = Callable[[RawData, RawData], None]
Fill = Callable[[Path], None]

REGISTERED = FashionMnistRecords.url_infos or {}


@pytest.fixture
def fill(small_files: dict[str, bytes]) -> Fill:
    """A function that fills the download cache under a directory with the small data set."""

    def do(directory: Path) -> None:
        downloads = directory / "downloads" / "fashion_mnist_records"
        downloads.mkdir(parents=True)
        for url, info in REGISTERED.items():
            path = downloads / resource.get_dl_fname(url, info.checksum)
            assert info.filename is not None
            path.write_bytes(gzip.compress(small_files[info.filename.removesuffix(".gz")], mtime=0))
            resource.write_info_file(
                url=url,
                path=epath.Path(path),
                dataset_name="fashion_mnist_records",
                original_fname=info.filename,
                url_info=info,
            )

    return do


def test_takes_over_the_registered_files() -> None:
    assert FashionMnistRecords.name == "fashion_mnist_records"  # not the registered name
    assert len(REGISTERED) == 4
    assert REGISTERED[FashionMnistRecords.URL + "train-images-idx3-ubyte.gz"].checksum.startswith(
        "3aede"
    )


@pytest.mark.usefixtures("small_is_known")
def test_prepares_from_the_download_cache_and_reads_back(
    tmp_path: Path,
    small: RawData,
    assert_same: Same,
    fill: Fill,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(tmp_path / "tfds")
    raw = load_tfds(tmp_path / "tfds")
    assert_same(raw, small)  # in the original order
    assert raw.source == f"TensorFlow Datasets in {tmp_path / 'tfds'}"
    # Prepared once: the downloads are needed no more.
    for path in (tmp_path / "tfds" / "downloads" / "fashion_mnist_records").iterdir():
        path.unlink()
    assert_same(load_tfds(tmp_path / "tfds"), small)
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []
    assert "tensorflow" not in sys.modules


@pytest.mark.usefixtures("small_is_known")
def test_as_a_source(cache_dir: Path, small: RawData, assert_same: Same, fill: Fill) -> None:
    fill(cache_dir / "tensorflow_datasets")
    assert_same(obtain("tfds", None, True), small)
    assert_same(obtain("tfds", None, True), small)
    assert (cache_dir / "tfds.json").exists()


def test_other_content_is_refused_and_removed(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "tfds")
    with pytest.raises(UserError, match="altered"):
        load_tfds(tmp_path / "tfds")
    assert not (tmp_path / "tfds").exists()


def test_damaged_downloads_are_refused_and_removed(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "tfds")
    path = next((tmp_path / "tfds" / "downloads" / "fashion_mnist_records").glob("*train-im*.gz"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged or cut off"):
        load_tfds(tmp_path / "tfds")
    assert not (tmp_path / "tfds").exists()


@pytest.mark.usefixtures("small_is_known")
def test_damaged_records_are_refused_and_removed(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "tfds")
    load_tfds(tmp_path / "tfds")
    path = next((tmp_path / "tfds").rglob("*train.array_record*"))
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="TensorFlow Datasets failed"):
        load_tfds(tmp_path / "tfds")
    assert not (tmp_path / "tfds").exists()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(
    tmp_path: Path, small_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The directory of a hub on this machine that serves the small data set as registered."""
    directory = tmp_path / "hub"
    directory.mkdir()
    handler = functools.partial(QuietHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        register(f"http://127.0.0.1:{server.server_port}/", directory, small_files, monkeypatch)
        yield directory
        server.shutdown()


def register(
    url: str, directory: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    infos = {}
    for name, content in files.items():
        packed = gzip.compress(content, mtime=0)
        (directory / f"{name}.gz").write_bytes(packed)
        infos[f"{url}{name}.gz"] = tfds_checksums.UrlInfo(
            size=Size(len(packed)),
            checksum=hashlib.sha256(packed).hexdigest(),
            filename=f"{name}.gz",
        )
    monkeypatch.setattr(FashionMnistRecords, "URL", url)
    monkeypatch.setattr(FashionMnistRecords, "url_infos", infos)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.usefixtures("hub", "small_is_known")
def test_downloads(tmp_path: Path, small: RawData, assert_same: Same) -> None:
    assert_same(load_tfds(tmp_path / "tfds"), small)


@pytest.mark.parametrize("damage", [bytes.upper, lambda b: b[:-1]], ids=["altered", "cut"])
def test_a_download_with_another_checksum(
    hub: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = hub / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="NonMatchingChecksumError"):
        load_tfds(tmp_path / "tfds")
    assert not (tmp_path / "tfds").exists()


def test_a_file_that_is_gone(hub: Path, tmp_path: Path) -> None:
    for path in hub.iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"can't be reached.*File not found"):
        load_tfds(tmp_path / "tfds")


def test_a_hub_that_refuses(
    tmp_path: Path, small_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    register(f"http://127.0.0.1:{port}/", tmp_path, small_files, monkeypatch)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:\d+ can't be reached .*refused"):
        load_tfds(tmp_path / "tfds")
    assert not (tmp_path / "tfds").exists()


def test_a_hub_that_never_answers(
    tmp_path: Path, small_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfds_builder, "PROBE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        register(url, tmp_path, small_files, monkeypatch)
        with pytest.raises(UserError, match=r"can't be reached \((no answer|timed out)"):
            load_tfds(tmp_path / "tfds")
