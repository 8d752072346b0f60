"""A run's history on disk: metrics.jsonl, a line an epoch, and the same for TensorBoard where asked for."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fmnist_jax.errors import UserError
from fmnist_jax.runs.parts import titled
from fmnist_jax.storage.files import write_bytes, writing
from fmnist_jax.training.loop import EpochRecord


@contextmanager
def history(
    directory: Path, part: str, tensorboard: bool, done: Sequence[EpochRecord]
) -> Iterator[Callable[[EpochRecord], None]]:
    """A function that adds an epoch's line to those of the epochs `done`, whatever the file held."""
    path = directory / f"{titled('metrics', part)}.jsonl"
    with ExitStack() as stack:
        summarise: Callable[[EpochRecord], None] = _no_summary
        if tensorboard:
            summarise = stack.enter_context(_summaries(directory / "tensorboard" / part))
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
    """Add `line` to the file, which must be there still: what isn't is told at once, not at the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_summary(record: EpochRecord) -> None:
    """TensorBoard wasn't asked for."""


@contextmanager
def _summaries(directory: Path) -> Iterator[Callable[[EpochRecord], None]]:
    """A function that writes an epoch's figures for TensorBoard, in place of an earlier process's."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise UserError(
            "tensorboard was asked for and isn't installed: pip install 'fmnist-jax[tensorboard]'"
        ) from None
    with writing(directory):
        for file in directory.glob("events.*"):
            file.unlink()
    writer = SummaryWriter(str(directory))

    def write(record: EpochRecord) -> None:
        for name, value in record._asdict().items():
            if name != "epoch":
                writer.add_scalar(name, value, record.epoch)

    try:
        yield write
    finally:
        writer.close()
