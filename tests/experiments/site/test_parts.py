"""Claims, speeds, gradients and pictures as the page shows them."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from PIL import Image

from experiments.analysis.comparisons import Claim, greater, pair
from experiments.analysis.judgement import judge, seeds_text
from experiments.analysis.quantities import TEST
from experiments.engine.store import RESULTS
from experiments.site import build, claims, gradients, pictures, readme, sections, speed
from experiments.site.sections import Part
from experiments.study.catalogue import experiments
from fmnist_jax.data.dataset import CLASS_NAMES, Dataset
from fmnist_jax.inference.classifier import Classifier
from tests.experiments.small_experiment import accuracies


def picture(source: str) -> np.ndarray:
    kind, _, text = source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA"))


CLAIM = Claim(3, "More is better", "made up", (greater("more", pair(TEST, "made", "a", "b")),))


def test_claims_are_shown_with_their_comparisons():
    stored = accuracies(a=[80.0, 81.1, 82.2], b=[70.0, 71.0, 72.0])
    (report,) = claims.reports(judge([CLAIM], stored))
    (judged,) = report.claims
    assert (report.number, judged.claim) == (3, CLAIM)
    assert (judged.verdict, build.SYMBOLS[judged.verdict]) == ("holds", "✓")
    (effect,) = judged.effects
    assert effect.shown().startswith("+10.10 points [+9.93, ")
    assert (effect.n, effect.test) == ("3", "paired t")
    assert judged.p == judged.corrected_p == effect.p
    assert len(report.charts) == 1


def test_a_claim_that_is_not_run_has_no_chart_and_one_seed_is_inconclusive():
    (report,) = claims.reports(judge([CLAIM], {}))
    assert report.charts == []
    assert report.claims[0].verdict == "not run"
    (report,) = claims.reports(judge([CLAIM], accuracies(a=[80.0], b=[80.0])))
    (judged,) = report.claims
    assert (judged.verdict, build.SYMBOLS[judged.verdict]) == ("inconclusive", "?")
    assert "seeds needed" in seeds_text(judged)


def test_speeds_are_ratios_with_both_rates(made_results: Path):
    (only,) = speed.measured(made_results)
    assert (only.network, only.against, only.ratio) == ("a network", "PyTorch", 2.0)
    assert (only.ours, only.theirs) == ("3,000 images/s", "1,500 images/s")
    assert (only.machine, only.date) == ("made, 2 cores", "2026-01-01")


def test_the_stored_speeds_are_of_both_benchmarks_newest_first():
    speeds = speed.measured(RESULTS)
    assert {one.file for one in speeds} == set(speed.TITLES)
    for file in speed.TITLES:
        versions = [one.version for one in speeds if one.file == file]
        assert versions == sorted(versions, key=lambda one: [int(x) for x in one.split()[1].split(".")],
                                  reverse=True)  # fmt: skip
        newest = speed.newest(speeds, file)
        assert len(newest) == versions.count(versions[0])


def test_gradients_are_checked_of_each_network_of_the_reports_once():
    networks = gradients.networks(experiments())
    assert "784,400,250,100,10 leaky-relu dropout 0.2" in networks
    assert "784,128,10 relu L2 0.0001" in networks
    assert len({gradients.describe(model) for model in networks.values()}) == len(networks)


def test_sections_follow_from_the_packages_of_experiments(committed_parts: list[Part]):
    found = sections.sections(committed_parts)
    assert [section.title for section in found] == [
        "Report 1", "Report 2", "Report 3", "Report 4", "Beyond the reports",
    ]  # fmt: skip
    own = [part.experiment.name for section in found for part in section.tables]
    assert own == list(sections.TABLES)
    shown = own + [part.experiment.name for section in found for part in section.further]
    assert sorted(shown) == sorted(one.name for one in experiments())


@pytest.mark.parametrize(
    ("group", "title"),
    [
        ("report12", "Report 12"),
        ("trials", "Beyond the reports"),
        ("reports", "Beyond the reports"),
    ],
)
def test_a_new_package_gets_a_section(committed_parts: list[Part], group: str, title: str):
    part = committed_parts[0]
    new = evolve(part, experiment=evolve(part.experiment, module=f"experiments.{group}.new"))
    found = sections.sections([*committed_parts, new])
    (section,) = [section for section in found if new in section.further]
    assert section.title == title


def test_a_model_shows_predictions_first_layer_and_maps(
    models: dict[str, Classifier], noise_dataset: Dataset
):
    shown = {name: pictures.of_model(name, model, noise_dataset) for name, model in models.items()}
    for name, model in models.items():
        probabilities = model.probabilities(noise_dataset.test.images)
        assert not [one for one in shown[name].mistakes if one.correct]
        surest = probabilities[probabilities.argmax(1) != noise_dataset.test.labels].max()
        assert shown[name].mistakes[0].probability == f"{100 * surest:.1f}"
        assert len(shown[name].predictions) == pictures.SHOWN
    assert shown["an-mlp"].maps == []
    assert "28x28, all 7 units" in shown["an-mlp"].filters.caption
    for name in ("a-network", "a-pipeline"):
        assert "3x3, all 2 units" in shown[name].filters.caption
        assert len(shown[name].maps) == pictures.MAPPED
        captions = [block.caption for block in shown[name].maps[0].blocks]
        assert "2 maps of 14x14" in captions[0]
        assert "all 40 maps of 1x1" in captions[4]
    sample = [one.source for one in shown["an-mlp"].predictions]
    assert sample == [one.source for one in shown["a-network"].predictions]


def test_a_gallery_claims_no_certainty(noise_dataset: Dataset):
    images, labels = noise_dataset.test.images[:2], np.array([0, 1])
    probabilities = np.eye(10)[[0, 2]] * 0.99999 + 1e-6
    right, wrong = pictures.gallery(images, labels, probabilities, CLASS_NAMES)
    assert (right.correct, right.probability) == (True, ">99.9")
    assert (wrong.correct, wrong.predicted, wrong.label) == (False, "Pullover", "Trouser")
    np.testing.assert_array_equal(picture(right.source)[..., 0], images[0])


def test_a_mosaic_has_transparent_gaps():
    made = pictures.mosaic(np.array([[[0.0, 1.0]], [[1.0, 0.0]]]), 2, "gray", (0, 1), "two")
    drawn = picture(made.source)
    assert drawn.shape[:2] == (made.height, made.width) == (14, 2 * 28 + 1)
    assert (drawn[:, 28, 3] == 0).all()
    assert (drawn[0, [0, 14, 29, 43], 0] == [0, 255, 255, 0]).all()


def test_the_readmes_pictures_are_the_pages_charts(made_parts: dict[str, Part], tmp_path: Path):
    charts = sections.all_charts([made_parts["report1/table2"]])
    (path,) = readme.save(charts, tmp_path / "docs")
    assert path.name == "study_pooling.png"
    with Image.open(path) as drawn:
        assert drawn.width > readme.WIDTH


@pytest.mark.parametrize("chart", readme.PICTURES)
def test_the_readmes_pictures_are_there(chart: str):
    assert (Path(__file__).parents[3] / "docs" / readme.PICTURES[chart]).stat().st_size > 1000
