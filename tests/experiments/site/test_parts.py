"""Claims, speeds, gradients and pictures as the page tells them."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.analysis.claims import TEST, greater, pair
from experiments.analysis.judgement import Claim, judge
from experiments.site import claimed, gradients, pictures, readme, sections, speed
from experiments.site.build import part
from experiments.study.catalogue import CATALOGUE
from fmnist_jax.data.dataset import CLASS_NAMES, Dataset
from fmnist_jax.inference.classifier import Classifier


def picture(source: str) -> np.ndarray:
    kind, _, text = source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA"))


def test_claims_are_told_with_their_comparisons():
    claim = Claim(3, "More is better", "made up", (greater("more", pair(TEST, "made", "a", "b")),))
    runs = {name: {"runs": {str(seed): {"test_accuracy": value + seed * spread} for seed in range(3)}}
            for name, value, spread in (("a", 80.0, 1.1), ("b", 70.0, 1.0))}  # fmt: skip
    (report,) = claimed.reports([judge(claim, {"made": runs})])
    (told,) = report.claims
    assert (report.number, told.statement, told.conditions) == (3, "More is better", "made up")
    assert (told.verdict.short, told.verdict.symbol) == ("holds", "✓")
    (tested,) = told.tests
    assert tested.effect.startswith("+10.10 points [+9.85, ")
    assert (tested.runs, tested.test) == ("3", "paired t")
    assert len(report.charts) == 1


def test_a_claim_that_is_not_run_has_no_chart_and_one_seed_cannot_tell():
    claim = Claim(1, "More is better", "", (greater("more", pair(TEST, "made", "a", "b")),))
    (report,) = claimed.reports([judge(claim, {})])
    assert report.charts == ()
    assert report.claims[0].verdict.short == "not run"
    one = {name: {"runs": {"0": {"test_accuracy": 80.0}}} for name in "ab"}
    (report,) = claimed.reports([judge(claim, {"made": one})])
    assert report.claims[0].verdict.short == claimed.UNTOLD


def test_speeds_are_read_from_either_layout_newest_first(made_results: Path):
    (only,) = speed.measured(made_results)
    assert (only.network, only.against, only.ratio) == ("a network", "PyTorch", 2.0)
    assert (only.ours, only.theirs) == ("3,000 images/s", "1,500 images/s")
    assert (only.machine, only.date) == ("made, 2 cores", "2026-01-01")


def test_the_stored_speeds_have_both_layouts():
    speeds = speed.measured(sections_results())
    assert {one.file for one in speeds} == {"throughput_mlp", "throughput_networks"}
    for file in ("throughput_mlp", "throughput_networks"):
        versions = [one.version for one in speeds if one.file == file]
        assert versions == sorted(versions, key=lambda one: [int(x) for x in one.split()[1].split(".")],
                                  reverse=True)  # fmt: skip
        records = speed.chart_records(speeds, file)
        assert len(records) == versions.count(speed.newest(speeds, file))


def sections_results() -> Path:
    from experiments.engine.runner import RESULTS

    return RESULTS


def test_gradients_are_checked_of_each_network_of_the_reports_once():
    networks = gradients.networks()
    assert "784,400,250,100,10 leaky-relu dropout 0.2" in networks
    assert "784,128,10 relu L2 0.0001" in networks
    assert len({gradients.describe(model) for model in networks.values()}) == len(networks)


def test_a_model_shows_answers_filters_and_maps(
    models: dict[str, Classifier], noise_dataset: Dataset
):
    shown = {name: pictures.of_model(name, model, noise_dataset) for name, model in models.items()}
    for name, model in models.items():
        probabilities = model.probabilities(noise_dataset.test.images)
        wrong = [one for one in shown[name].mistakes if one.right]
        assert not wrong
        surest = probabilities[probabilities.argmax(1) != noise_dataset.test.labels].max()
        assert shown[name].mistakes[0].sure == f"{100 * surest:.1f}"
        assert len(shown[name].predictions) == pictures.SHOWN
    assert shown["an-mlp"].maps == ()
    assert "all 7 units" in shown["an-mlp"].filters.caption
    for name in ("a-network", "a-pipeline"):
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
    assert (right.right, right.sure) == (True, ">99.9")
    assert (wrong.right, wrong.predicted, wrong.correct) == (False, "Pullover", "Trouser")
    np.testing.assert_array_equal(picture(right.source)[..., 0], images[0])


def test_a_mosaic_has_see_through_gaps():
    made = pictures.mosaic(np.array([[[0.0, 1.0]], [[1.0, 0.0]]]), 2, "gray", (0, 1), "two")
    drawn = picture(made.source)
    assert drawn.shape[:2] == (made.height, made.width) == (14, 2 * 28 + 1)
    assert (drawn[:, 28, 3] == 0).all()
    assert (drawn[0, [0, 14, 29, 43], 0] == [0, 255, 255, 0]).all()


def test_the_readmes_pictures_are_the_pages_charts(made_results: Path, tmp_path: Path):
    entry = next(entry for entry in CATALOGUE if entry.name == "report1_table2")
    charts = list(sections.all_charts([part(entry, made_results)]))
    (path,) = readme.save(charts, tmp_path / "docs")
    assert path.name == "study_pooling.png"
    with Image.open(path) as drawn:
        assert drawn.width > readme.WIDTH


@pytest.mark.parametrize("chart", readme.PICTURES)
def test_the_readmes_pictures_are_there(chart: str):
    assert (Path(__file__).parents[3] / "docs" / readme.PICTURES[chart]).stat().st_size > 1000
