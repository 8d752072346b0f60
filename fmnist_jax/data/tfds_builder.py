"""The data set from TensorFlow Datasets (the extra `tfds`), without TensorFlow.

The builder of tensorflow-datasets needs TensorFlow to unpack, read and encode. This subclass keeps its
registered addresses and checksums, reads the files with NumPy and writes records that `tfds` reads
without TensorFlow. Importing this module is slow.
"""

import contextlib
import http.client
import io
import logging
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource
from tensorflow_datasets.image_classification.mnist import FashionMNIST

from fmnist_jax.data.checksums import raw_data, release_of
from fmnist_jax.data.dataset import IMAGE_SHAPE, RawData, Split
from fmnist_jax.data.directory import FORMATS
from fmnist_jax.data.idx import read_idx_pair
from fmnist_jax.errors import UserError
from fmnist_jax.storage.files import quiet_log

PROBE_SECONDS = 5.0
"""How long the host may take for its first answer."""


class FashionMnistRecords(FashionMNIST):
    """Fashion-MNIST as array_record files of plain tensors, in the original order."""

    # Otherwise looked up by this class's name, which isn't registered.
    url_infos = FashionMNIST.url_infos

    def _info(self) -> tfds.core.DatasetInfo:
        registered = super()._info()
        features = registered.features
        assert isinstance(features, tfds.features.FeaturesDict)
        return tfds.core.DatasetInfo(
            builder=self,
            description=registered.description,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(*IMAGE_SHAPE, 1), dtype=np.uint8),
                    "label": features["label"],
                }
            ),
            supervised_keys=("image", "label"),
            homepage=registered.homepage,
            citation=registered.citation,
            disable_shuffling=True,  # the order is part of the content's checksum
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> Any:
        # Sequential, so that no other file is still being written when one fails.
        paths = {
            split: [Path(dl_manager.download(f"{self.URL}{name}.gz")) for name in names]
            for split, names in FORMATS["idx"].names[0].items()
        }
        return {split: self._read_examples(*files) for split, files in paths.items()}

    def _read_examples(self, images: Path, labels: Path) -> Iterator[tuple[int, dict[str, object]]]:
        for i, (image, label) in enumerate(zip(*read_idx_pair(images, labels), strict=True)):
            yield i, {"image": image[..., None], "label": int(label)}


def load_tfds(directory: Path) -> RawData:
    """Return the data set; the first call downloads it. After an error `directory` is removed."""
    tfds.disable_progress_bar()
    quiet = quiet_log(logging.ERROR, "absl", "urllib3")
    with quiet, contextlib.redirect_stdout(io.StringIO()):
        downloads = directory / "downloads"
        # Checked without a builder, which would leave a temporary directory behind.
        prepared = any(directory.glob(f"{FashionMnistRecords.name}/*/dataset_info.json"))
        if not prepared and (missing := _missing(downloads)):
            _probe(missing[0])
        try:
            builder = FashionMnistRecords(data_dir=directory, file_format="array_record")
            builder.download_and_prepare(
                download_dir=downloads,
                download_config=tfds.download.DownloadConfig(force_checksums_validation=True),
            )
            train, test = _read(builder, "train"), _read(builder, "test")
            raw = raw_data(train, test, f"TensorFlow Datasets in {directory}", directory)
            if release_of(raw) != "official":
                raise UserError(f"{directory}: prepared from altered files, removed: run again")
            return raw
        except BaseException as error:
            shutil.rmtree(directory, ignore_errors=True)
            # Its download manager, record writer and network library raise many types.
            if isinstance(error, UserError) or not isinstance(error, Exception):
                raise
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"TensorFlow Datasets failed ({type(error).__name__}: {reason})"
            ) from error


def _missing(downloads: Path) -> list[str]:
    """Return the addresses of the files that are not in the download cache."""
    return [
        url
        for url, info in (FashionMnistRecords.url_infos or {}).items()
        if not (
            downloads / FashionMnistRecords.name / resource.get_dl_fname(url, info.checksum)
        ).exists()
    ]


def _probe(address: str) -> None:
    """Raise UserError unless the host answers within seconds.

    The download manager itself tries ten times, which takes minutes, and a DNS look-up has no timeout. So
    one request is sent first, in a thread that is abandoned when the time is up.
    """
    outcome: list[str] = []

    def ask() -> None:
        request = urllib.request.Request(address, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                outcome.append("")
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            outcome.append(str(reason) or type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    reason = outcome[0] if outcome else f"no answer within {PROBE_SECONDS:g} s"
    if reason:
        host = urllib.parse.urlsplit(address).netloc
        raise UserError(f"TensorFlow Datasets' host {host} can't be reached ({reason})")


def _read(builder: FashionMnistRecords, split: str) -> Split:
    """Return a prepared split; all records are decoded in one call."""
    source = builder.as_data_source(split=split)  # pyright: ignore[reportCallIssue]
    records = source.__getitems__(range(len(source)))
    images = np.stack([record["image"] for record in records])
    labels = np.array([record["label"] for record in records], np.int32)
    return Split(images.reshape(-1, *IMAGE_SHAPE), labels)
