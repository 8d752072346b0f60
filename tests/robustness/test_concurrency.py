"""Twenty processes at once, one fresh cache: loads, predictions, evaluations and trainings."""

import hashlib
import json
import os
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

from fmnist_jax.checkpoint.checkpoint import restore_checkpoint
from fmnist_jax.cli import evaluate, job, predict, train  # noqa: F401 - what the processes import
from fmnist_jax.cli.app import main
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.data.synthetic import draw_synthetic
from fmnist_jax.inference.classifier import Classifier
from tests.blank_pictures import draw_blank
from tests.checkpoints import leaves
from tests.once import drawn
from tests.stand_ins import write_idx

ROOT = Path(__file__).parents[2]

LOADS, PREDICTIONS, EVALUATIONS, TRAININGS = 13, 4, 1, 2


def load(data: str) -> int:
    """Print what was loaded."""
    found = load_dataset(DataConfig(data_dir=Path(data), verify=False), lambda line: None)
    images = b"".join(split.images.tobytes() for split in found.splits.values())
    print(found.checksum, hashlib.sha256(images).hexdigest())
    return 0


def all_at_once(folder: Path) -> None:
    """In a separate process, which starts no computation: one forked for each of jobs.json.

    Each leaves what it printed in N.out and N.err. The imports, which would take longer than all else,
    they have in common.
    """
    jobs: list[list[str]] = json.loads((folder / "jobs.json").read_text())
    draw_blank()
    children = []
    for number, (name, *words) in enumerate(jobs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on forking
            child = os.fork()
        if child == 0:
            code = 1
            try:
                for descriptor, stream in ((1, "out"), (2, "err")):
                    file = os.open(folder / f"{number}.{stream}", os.O_WRONLY | os.O_CREAT)
                    os.dup2(file, descriptor)
                code = load(*words) if name == "load" else main([name, *words])
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    (folder / "codes.json").write_text(json.dumps(codes))


def test_twenty_processes_share_a_fresh_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cache, work = tmp_path / "data", tmp_path / "cache", tmp_path / "work"
    work.mkdir()
    write_idx(drawn(400, 100), data)
    raw = draw_synthetic(8, 1)
    np.save(tmp_path / "images.npy", raw.train.images)
    own = ["--data-dir", str(data), "--no-verify"]
    tiny = "--layer-sizes 784 8 10 --epochs 2 --batch-size 80".split()
    jobs = [
        *[["load", str(data)]] * LOADS,
        *[["predict", "report1-mlp", str(tmp_path / "images.npy"), "--json"]] * PREDICTIONS,
        *[["evaluate", "report1-mlp", *own, "--json"]] * EVALUATIONS,
        # All by their default directory, named by the second.
        *[["train", "mlp", *own, *tiny]] * TRAININGS,
    ]
    assert len(jobs) == 20
    (tmp_path / "jobs.json").write_text(json.dumps(jobs[::-1]))  # the slow ones begin first
    environment = {
        **os.environ,
        "FMNIST_CACHE_DIR": str(cache),
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
    }
    environment.pop("FMNIST_DATA_DIR", None)
    program = (
        "import sys; from pathlib import Path; from tests.robustness import test_concurrency; "
        "test_concurrency.all_at_once(Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        cwd=work,
        env=environment,
        check=True,
        timeout=900,
    )
    codes = json.loads((tmp_path / "codes.json").read_text())
    for number, (words, code) in enumerate(zip(jobs[::-1], codes, strict=True)):
        assert code == 0, (words, (tmp_path / f"{number}.err").read_text())
    answers = [(tmp_path / f"{number}.out").read_text() for number in range(len(jobs))][::-1]

    loads, answers = answers[:LOADS], answers[LOADS:]
    monkeypatch.setenv("FMNIST_CACHE_DIR", str(tmp_path / "another"))
    expected = load_dataset(DataConfig(data_dir=data, verify=False), lambda line: None)
    images = b"".join(split.images.tobytes() for split in expected.splits.values())
    assert set(loads) == {f"{expected.checksum} {hashlib.sha256(images).hexdigest()}\n"}

    predictions, answers = answers[:PREDICTIONS], answers[PREDICTIONS:]
    classifier = Classifier.from_checkpoint("report1-mlp")
    labels = [prediction.label for prediction in classifier.classify(raw.train.images)]
    for answer in predictions:
        assert [picture["label"] for picture in json.loads(answer)] == labels

    evaluations = answers[:EVALUATIONS]
    right = classifier.probabilities(expected.test.images).argmax(axis=1) == expected.test.labels
    for answer in evaluations:
        assert json.loads(answer)["accuracy"] == right.mean()

    runs = sorted((work / "runs").iterdir())
    assert len(runs) == TRAININGS
    histories = {(run / "metrics_mlp.jsonl").read_text() for run in runs}
    assert len(histories) == 1
    assert histories.pop().count("\n") == 2
    first, *others = (leaves(restore_checkpoint(run / "checkpoint")) for run in runs)
    for other in others:
        jax.tree.map(np.testing.assert_array_equal, first, other)

    # One content, its index and the lock: no half-written file is left.
    names = sorted(path.name for path in cache.iterdir())
    assert len([name for name in names if name.endswith(".bytes")]) == 1
    assert len([name for name in names if name.endswith(".json")]) == 1
    assert not [name for name in names if name.startswith(".")]
