"""A stage's history on disk: metrics_STAGE.jsonl, a line an epoch; for TensorBoard too if requested."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from fmnist_jax.errors import missing_extra
from fmnist_jax.storage.files import write_bytes, writing
from fmnist_jax.training.loop import EpochRecord


@contextmanager
def open_history(
    directory: Path, stage: str, tensorboard: bool, done: Sequence[EpochRecord]
) -> Iterator[Callable[[EpochRecord], None]]:
    """Yield a function that appends an epoch's line; the file starts with the epochs `done`."""
    path = directory / f"metrics_{stage}.jsonl"
    summaries = _summaries(directory / "tensorboard" / stage) if tensorboard else None
    with summaries or nullcontext(lambda record: None) as summarise:
        with writing(path):
            write_bytes(path, b"".join(map(_line, done)))
        for record in done:
            summarise(record)

        def write(record: EpochRecord) -> None:
            with writing(path):
                _append(path, _line(record))
            summarise(record)

        yield write


def _line(record: EpochRecord) -> bytes:
    return (json.dumps(record._asdict()) + "\n").encode()


def _append(path: Path, line: bytes) -> None:
    """Append `line`; fails immediately if the file was deleted."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _summaries(directory: Path) -> Iterator[Callable[[EpochRecord], None]]:
    """Yield a function that writes an epoch's figures for TensorBoard; earlier files are replaced."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise missing_extra("tensorboard was requested and", "tensorboard") from None
    with writing(directory):
        for file in directory.glob("events.*"):
            file.unlink()
    writer = SummaryWriter(str(directory))

    def write(record: EpochRecord) -> None:
        for name, value in record._asdict().items():
            if name != "epoch" and value is not None:
                writer.add_scalar(name, value, record.epoch)

    try:
        yield write
    finally:
        writer.close()
