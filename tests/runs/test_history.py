import json
import sys
from pathlib import Path

import pytest

from fmnist_jax.errors import UserError
from fmnist_jax.runs.history import open_history
from fmnist_jax.training.loop import EpochRecord
from tests.runs.small import RECORD


def records(*epochs: int) -> list[EpochRecord]:
    return [RECORD._replace(epoch=epoch) for epoch in epochs]


def epochs_in(file: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in file.read_text().splitlines()]


def test_a_line_an_epoch_as_it_ends(tmp_path: Path):
    file = tmp_path / "metrics_mlp.jsonl"
    with open_history(tmp_path, "mlp", False, ()) as write:
        assert file.read_text() == ""
        write(RECORD)
        assert [json.loads(line) for line in file.read_text().splitlines()] == [RECORD._asdict()]
        write(RECORD._replace(epoch=2))
        assert epochs_in(file) == [1, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"metrics_mlp.jsonl"}


def test_a_resumed_history_starts_with_the_epochs_done(tmp_path: Path):
    file = tmp_path / "metrics_mlp.jsonl"
    file.write_text('{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3, "train_l')
    with open_history(tmp_path, "mlp", True, records(1, 2)) as write:
        assert epochs_in(file) == [1, 2]
        write(RECORD._replace(epoch=3))
    assert epochs_in(file) == [1, 2, 3]
    with open_history(tmp_path, "mlp", True, records(1)):
        pass
    assert epochs_in(file) == [1]
    assert len(list((tmp_path / "tensorboard/mlp").glob("events.*"))) == 1


def test_a_deleted_file_fails_at_the_next_epoch(tmp_path: Path):
    file = tmp_path / "metrics_mlp.jsonl"
    with open_history(tmp_path, "mlp", False, ()) as write:
        file.unlink()
        with pytest.raises(UserError, match=r"metrics_mlp\.jsonl"):
            write(RECORD)
    assert not file.exists()


def test_tensorboard_gets_every_figure(tmp_path: Path):
    with open_history(tmp_path, "mlp", True, ()) as write:
        write(RECORD)
    (events,) = (tmp_path / "tensorboard/mlp").iterdir()
    for name in EpochRecord._fields[1:]:
        assert name.encode() in events.read_bytes()


def test_tensorboard_without_its_extra_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with (
        pytest.raises(UserError, match=r"pip install 'fmnist-jax\[tensorboard\]'"),
        open_history(tmp_path, "mlp", True, ()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
