"""The page's HTML, without a browser."""

import html
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments.analysis.judgement import all_claims
from experiments.analysis.rule import RULE
from experiments.engine.store import RESULTS
from experiments.site import build, claims
from experiments.site.charts import identifier
from experiments.site.sections import Part
from experiments.study.catalogue import experiments
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.errors import UserError

LIMIT = 3 * 2**20
"""Bytes of the committed page."""


class Reader(HTMLParser):
    """Tags with their attributes, and the text of scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.inside: str | None = None
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[self.inside] = self.scripts.get(self.inside, "") + data

    def having(self, attribute: str) -> list[str]:
        return [found for _, names in self.tags if (found := names.get(attribute)) is not None]


@pytest.fixture(params=["made", "committed"])
def page(request: pytest.FixtureRequest, made_page: Path) -> Path:
    return made_page if request.param == "made" else RESULTS / "index.html"


def test_it_is_complete_and_requests_nothing(page: Path):
    read = Reader(page)
    assert not [name for name in read.having("src") if not name.startswith("data:")]
    assert not [name for name in read.having("href") if not name.startswith(("#", "data:"))]
    assert "url(" not in page.read_text("utf-8").partition("<body>")[0]


def test_every_id_is_unique_and_every_link_has_a_target(page: Path):
    read = Reader(page)
    ids = Counter(read.having("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    for attribute in ("for", "aria-labelledby", "data-chooser"):
        assert set(read.having(attribute)) <= set(ids)
    assert {name[1:] for name in read.having("href") if name.startswith("#")} <= set(ids)
    places = {names["id"] for _, names in read.tags if names.get("class") == "chart"}
    assert places == set(json.loads(read.scripts["specs"]))


def test_every_picture_and_chart_has_a_description(page: Path):
    read = Reader(page)
    assert all(names.get("alt") for tag, names in read.tags if tag == "img")
    assert all(names.get("aria-label") for _, names in read.tags if names.get("role") == "img")


def test_every_section_is_there(page: Path):
    ids = set(Reader(page).having("id"))
    assert {f"section-{one.group}" for one in experiments()} <= ids
    assert {identifier(one.name) for one in experiments()} <= ids
    assert {"claims", "models", "gradients", "speed", "runs"} <= ids


def test_the_rule_for_claims_is_on_it(page: Path):
    text = html.unescape(page.read_text("utf-8").partition("<script")[0])
    assert all(paragraph in text for paragraph in RULE)


def test_the_notes_of_experiments_are_on_it(page: Path):
    text = html.unescape(page.read_text("utf-8").partition("<script")[0])
    text = text.replace("<code>", "`").replace("</code>", "`")
    notes = [note for one in experiments() for note in one.notes]
    assert notes
    assert [note for note in notes if note not in text] == []


def test_missing_and_failed_runs_are_shown(made_page: Path):
    text = made_page.read_text("utf-8")
    assert '<span class="verdict none">… not run</span>' in text
    assert "failed: the loss is &lt;not&gt; finite" in text
    assert "<not>" not in text.partition("<script")[0]


def test_the_reports_own_pictures_are_there(made_page: Path):
    specs = json.loads(Reader(made_page).scripts["specs"])
    for name in ("random", "he", "xavier"):
        assert f"report1-table2-pooling-{name}" in specs
    assert {
        "report1-table2-filters-max",
        "report3-lenet-classes",
        "report4-mlp-together-train_loss",
    } <= set(specs)


def test_the_committed_page_is_of_the_committed_results(committed_parts: list[Part]):
    """If this fails, the page is out of date: python -m experiments page."""
    specs = json.loads(Reader(RESULTS / "index.html").scripts["specs"])
    charts = build.charts_of(committed_parts, claims.reports(all_claims(RESULTS)))
    assert {name for name in specs if not name.startswith("speed-")} == {one.id for one in charts}
    for one in charts:
        shown, stored = (set(spec["datasets"].values()) for spec in (specs[one.id], one.spec))
        assert shown == stored, one.id


def test_the_committed_page_is_small_enough_and_knows_no_machine():
    page = RESULTS / "index.html"
    assert page.stat().st_size < LIMIT
    assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users)/", page.read_text("utf-8"))


def test_without_data_nothing_is_written(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere"):
        build.build(print, DataConfig(data_dir=tmp_path / "nowhere"), tmp_path)
    assert list(tmp_path.iterdir()) == []
