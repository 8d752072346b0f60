"""Test ids are the same in every process: workers that collect different ids run nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

COLLECT = """
import sys, time
from pathlib import Path

shift = float(sys.argv[1])
now, now_ns = time.time, time.time_ns
time.time = lambda: now() + shift
time.time_ns = lambda: now_ns() + round(shift * 1e9)

import pytest

class Ids:
    def pytest_collection_finish(self, session):
        Path(sys.argv[2]).write_text("\\n".join(ascii(item.nodeid) for item in session.items))

sys.exit(pytest.main(["--collect-only", "-p", "no:xdist", "-p", "no:cacheprovider"], plugins=[Ids()]))
"""


def start_collection(folder: Path, hash_seed: int, shift: float) -> subprocess.Popen[bytes]:
    """Collect all tests into `folder`/ids, with that hash seed and a clock moved by `shift` seconds."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", COLLECT, str(shift), folder / "ids"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed), "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
    )


def test_ids_depend_on_neither_hash_seed_nor_clock_nor_process(tmp_path: Path):
    folders = [tmp_path / "first", tmp_path / "second"]
    first = start_collection(folders[0], hash_seed=1, shift=0)
    second = start_collection(folders[1], hash_seed=2, shift=86_461.5)
    assert [first.wait(), second.wait()] == [0, 0]
    ids, again = [(folder / "ids").read_text().splitlines() for folder in folders]
    assert len(ids) > 1000
    assert [pair for pair in zip(ids, again, strict=True) if pair[0] != pair[1]] == []
