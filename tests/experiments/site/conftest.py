"""A page of made-up results: small, and with one of everything that the page can have."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from fmnist_jax.models.architectures import FiveConv
from fmnist_jax.models.kinds import KINDS, kind_of
from fmnist_jax.runs.pipeline import PipelineRun

from experiments.analysis.judgement import all_claims
from experiments.engine.runner import Experiment
from experiments.reports.report1 import table1 as report1_table1
from experiments.reports.report1 import table2 as report1_table2
from experiments.reports.report3 import lenet as report3_lenet
from experiments.reports.report4 import mlp as report4_mlp
from experiments.site import build, gradients
from experiments.study.catalogue import CATALOGUE
from fmnist_jax.checkpoint.checkpoint import Checkpoint
from fmnist_jax.data.dataset import CLASS_NAMES, Dataset, Split
from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.scratch.mlp import MLPConfig
from tests.once import MakeOnce

EPOCHS = 3

MakeRun = Callable[..., dict[str, Any]]


def noise(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    return Split(
        rng.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.int32) % 10
    )


def made_run(seed: int, prefixes: Sequence[str] = ("",), row: int = 0) -> dict[str, Any]:
    """A stored run whose figures tell seed and row; `prefixes` are those of a pipeline's networks."""
    run: dict[str, Any] = {
        "data_checksum": "",
        "seconds": 12.0 + seed,
        "software": {"jax": "0.10.2", "python": "3.11.7"},
        "device": "made",
        "finished": f"2026-01-0{seed + 1}T00:00:00Z",
    }
    for prefix in prefixes:
        figures: dict[str, Any] = {"best_epoch": 2, "stopped_epoch": EPOCHS + seed}
        figures |= {"best_train_loss": 0.3, "best_validation_loss": 0.4}
        for split in ("train", "validation", "test"):
            figures |= {f"{split}_accuracy": 88.0 + seed + row / 10, f"{split}_loss": 0.4}
            figures |= {f"{split}_recall": 88.0 + seed, f"{split}_f1": 87.0 + seed}
            figures[f"{split}_confusion"] = (np.eye(10, dtype=int) * 9 + 1).tolist()
            figures |= {f"{split}_class_{index}": 80.0 + index + seed for index in range(10)}
        epochs = np.arange(1, EPOCHS + seed + 1)
        history = {"epoch": epochs.tolist()}
        for split in ("train", "validation"):
            history[f"{split}_loss"] = (1 / epochs + seed / 10 + row / 5).tolist()
            history[f"{split}_accuracy"] = (1 - 0.5 / epochs - seed / 100 - row / 50).tolist()
        figures["history"] = history
        run |= {f"{prefix}{name}": value for name, value in figures.items()}
    return run


def store(folder: Path, experiment: Experiment, seeds: int) -> None:
    """Made-up runs of every row but the last, of which one failed."""
    rows = {}
    for number, row in enumerate(experiment.rows):
        prefixes = ("cnn_", "mlp_") if isinstance(row.run, PipelineRun) else ("",)
        runs = {str(seed): made_run(seed, prefixes, number) for seed in range(seeds)}
        rows[row.name] = {"configuration": {}, "reported": dict(row.reported), "runs": runs}
    rows[experiment.rows[-1].name] |= {"runs": {}, "failed": {"0": "the loss is <not> finite"}}
    text = json.dumps({"title": experiment.title, "rows": rows})
    (folder / f"{experiment.name}.json").write_text(text)


THROUGHPUT = {
    "jax 0.9.0": {
        "a network": {
            "cpu": "made",
            "cores": 2,
            "date": "2026-01-01T00:00:00Z",
            "contenders": {
                "ours": {"median_images_per_second": 3000.0},
                "PyTorch": {
                    "median_images_per_second": 1500.0,
                    "ratio": 2.0,
                    "ratio_min": 1.5,
                    "ratio_max": 2.5,
                },
            },
        }
    }
}


def untrained(config: Any) -> Classifier:
    dataset = noise(20, 0)
    scaling = Z_SCORE if isinstance(config, MLPConfig) else UNIT
    network = KINDS[kind_of(config)].build(config)
    return Classifier(
        Checkpoint(
            model=config,
            scaling=scaling,
            parameters=network.init(jax.random.key(0)),
            statistics=scaling.fit(dataset.images),
            class_names=CLASS_NAMES,
            metrics={},
            run={},
            data_checksum="",
        )
    )


@pytest.fixture(scope="session")
def models() -> dict[str, Classifier]:
    """One model of each kind, untrained."""
    pipeline = PipelineRun.of(
        FiveConv(filters=(2, 2, 3, 3, 40), kernels=(3, 1, 1, 1, 1), hidden=5)
    ).model
    return {
        "an-mlp": untrained(MLPConfig((784, 7, 10))),
        "a-pipeline": untrained(pipeline),
        "a-network": untrained(pipeline.network),
    }


@pytest.fixture(scope="session")
def noise_dataset() -> Dataset:
    return Dataset(noise(20, 0), noise(20, 1), noise(60, 2), "made", "made")


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return made_run


@pytest.fixture(scope="session")
def made_results(make_once: MakeOnce) -> Path:
    def make(folder: Path) -> None:
        folder.mkdir()
        store(folder, report1_table1.EXPERIMENT, seeds=3)
        store(folder, report1_table2.EXPERIMENT, seeds=2)
        store(folder, report3_lenet.EXPERIMENT, seeds=2)
        store(folder, report4_mlp.EXPERIMENT, seeds=1)
        (folder / "throughput_networks.json").write_text(json.dumps(THROUGHPUT))

    return make_once("results", make)


@pytest.fixture(scope="session")
def made_page(
    make_once: MakeOnce,
    made_results: Path,
    noise_dataset: Dataset,
    request: pytest.FixtureRequest,
) -> Path:
    def make(folder: Path) -> None:
        models = request.getfixturevalue("models")  # by the worker that makes the page
        names = {"784,7,10 relu": MLPConfig((784, 7, 10))}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(gradients, "networks", lambda: names)
            text = build.render(
                [build.part(entry, made_results) for entry in CATALOGUE],
                all_claims(made_results),
                made_results,
                models,
                noise_dataset,
                lambda line: None,
            )
        folder.mkdir()
        (folder / "index.html").write_text(text, "utf-8")

    return make_once("page", make) / "index.html"
