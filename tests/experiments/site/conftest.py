"""A page of made-up results: small, and with one of everything that the page can have."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from experiments.analysis.judgement import all_claims
from experiments.engine.spec import Experiment
from experiments.engine.store import RESULTS
from experiments.reports.report1 import table1, table2
from experiments.reports.report3 import lenet
from experiments.reports.report4 import mlp as report4_mlp
from experiments.site import build, sections, speed
from experiments.site.sections import Part
from experiments.study.catalogue import experiments
from fmnist_jax.checkpoint.checkpoint import Checkpoint
from fmnist_jax.data.dataset import CLASS_NAMES, Dataset, Split
from fmnist_jax.data.scaling import UNIT, Z_SCORE
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.models.five_conv import FiveConv
from fmnist_jax.models.stages import FittedStage
from fmnist_jax.scratch.mlp import MLPConfig
from tests.once import MakeOnce

EPOCHS = 3

MakeRun = Callable[..., dict[str, Any]]


def noise(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    return Split(
        rng.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.int32) % 10
    )


def made_run(seed: int, stages: Sequence[str] = ("mlp",), row: int = 0) -> dict[str, Any]:
    """A stored run whose figures depend on seed and row."""
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
    return {
        "stages": {stage: figures | {"history": history} for stage in stages},
        "data_checksum": "",
        "seconds": 12.0 + seed,
        "software": {"jax": "0.10.2", "python": "3.11.7"},
        "device": "made",
        "finished": f"2026-01-0{seed + 1}T00:00:00Z",
    }


def store(folder: Path, experiment: Experiment, seeds: int) -> None:
    """Made-up runs of every row but the last, of which one failed."""
    lines = []
    for number, row in enumerate(experiment.rows):
        stages = [stage.name for stage in row.run.stages]
        line: dict[str, Any] = {"row": row.name, "configuration": {"stages": [row.name, *stages]}}
        if row is experiment.rows[-1]:
            lines.append(line | {"seed": 0, "failed": "the loss is <not> finite"})
            continue
        lines += [line | {"seed": seed} | made_run(seed, stages, number) for seed in range(seeds)]
    path = folder / f"{experiment.name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


SPEED = {
    "jax 0.9.0": {
        "a network": {
            "cpu": "made",
            "cores": 2,
            "date": "2026-01-01T00:00:00Z",
            "candidates": {
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


def untrained(*configs: Any) -> Classifier:
    """A classifier of untrained stages."""
    images = noise(20, 0).images
    return Classifier(
        Checkpoint(
            stages=[
                FittedStage(
                    name=f"stage_{number}",
                    model=config,
                    scaling=scaling,
                    variables=config.build().init(jax.random.key(0)),
                    statistics=scaling.fit(inputs),
                )
                for number, (config, scaling, inputs) in enumerate(
                    zip(
                        configs,
                        (UNIT, Z_SCORE),
                        (images, np.ones((2, configs[0].features), np.float32)),
                        strict=False,
                    )
                )
            ],
            class_names=CLASS_NAMES,
            metrics={},
            run={},
            data_checksum="",
        )
    )


@pytest.fixture(scope="session")
def models() -> dict[str, Classifier]:
    """An MLP, a network and a pipeline, untrained."""
    network = FiveConv(filters=(2, 2, 3, 3, 40), kernels=(3, 1, 1, 1, 1), hidden=5).network
    return {
        "an-mlp": untrained(MLPConfig((784, 7, 10))),
        "a-network": untrained(network),
        "a-pipeline": untrained(network, MLPConfig((network.features, 5, 10))),
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
        store(folder, table1.EXPERIMENT, seeds=3)
        store(folder, table2.EXPERIMENT, seeds=2)
        store(folder, lenet.EXPERIMENT, seeds=2)
        store(folder, report4_mlp.EXPERIMENT, seeds=1)
        (folder / speed.FOLDER).mkdir()
        (folder / speed.FOLDER / "convnets.json").write_text(json.dumps(SPEED))

    return make_once("results", make)


@pytest.fixture(scope="session")
def made_parts(made_results: Path) -> dict[str, Part]:
    """What a page shows of the made-up results, by experiment."""
    return {one.name: sections.part(one, made_results) for one in experiments()}


@pytest.fixture(scope="session")
def made_page(
    make_once: MakeOnce,
    made_results: Path,
    noise_dataset: Dataset,
    request: pytest.FixtureRequest,
) -> Path:
    def make(folder: Path) -> None:
        sources = build.Sources(
            # Only in the worker that makes the page.
            parts=list(request.getfixturevalue("made_parts").values()),
            models=request.getfixturevalue("models"),
            judgements=all_claims(made_results),
            speeds=speed.measured(made_results),
            networks={"784,7,10 relu": MLPConfig((784, 7, 10))},
            dataset=noise_dataset,
        )
        folder.mkdir()
        (folder / "index.html").write_text(build.render(sources, lambda line: None), "utf-8")

    return make_once("page", make) / "index.html"


@pytest.fixture(scope="session")
def committed_parts() -> list[Part]:
    """What the committed page shows of the committed results."""
    return [sections.part(one, RESULTS) for one in experiments()]
