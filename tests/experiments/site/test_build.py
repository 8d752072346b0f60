"""The page's HTML, without a browser."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments.analysis.judgement import all_claims
from experiments.engine.runner import RESULTS
from experiments.site import build, claimed, sections
from experiments.study.catalogue import CATALOGUE
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


def test_it_is_whole_and_asks_for_nothing(page: Path):
    read = Reader(page)
    assert not [name for name in read.having("src") if not name.startswith("data:")]
    assert not [name for name in read.having("href") if not name.startswith(("#", "data:"))]
    assert "url(" not in page.read_text("utf-8").partition("<body>")[0]


def test_every_name_is_there_once_and_leads_somewhere(page: Path):
    read = Reader(page)
    ids = Counter(read.having("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    for attribute in ("for", "aria-labelledby", "data-chooser"):
        assert set(read.having(attribute)) <= set(ids)
    assert {name[1:] for name in read.having("href") if name.startswith("#")} <= set(ids)
    places = {names["id"] for _, names in read.tags if names.get("class") == "chart"}
    assert places == set(json.loads(read.scripts["specs"]))


def test_every_picture_and_chart_has_words(page: Path):
    read = Reader(page)
    assert all(names.get("alt") for tag, names in read.tags if tag == "img")
    assert all(names.get("aria-label") for _, names in read.tags if names.get("role") == "img")


def test_every_section_is_there(page: Path):
    ids = set(Reader(page).having("id"))
    assert {section.anchor for section in sections.SECTIONS} <= ids
    assert {entry.name for entry in CATALOGUE} <= ids
    assert {"claims", "models", "gradients", "speed", "runs"} <= ids


def test_what_is_not_run_and_what_failed_is_said(made_page: Path):
    text = made_page.read_text("utf-8")
    assert "… not run" in text
    assert "failed: the loss is &lt;not&gt; finite" in text
    assert "<not>" not in text.partition("<script")[0]


def test_the_reports_own_pictures_are_there(made_page: Path):
    specs = json.loads(Reader(made_page).scripts["specs"])
    for name in ("random", "he", "xavier"):
        assert f"report1_table2-pooling-{name}" in specs
    assert {
        "report1_table2-filters-max",
        "report3_lenet-classes",
        "report4_mlp-together-train_loss",
    } <= set(specs)


def test_the_committed_page_is_of_the_committed_results():
    """Else it's out of date: python -m experiments report."""
    specs = json.loads(Reader(RESULTS / "index.html").scripts["specs"])
    parts = [build.part(entry, RESULTS) for entry in CATALOGUE]
    told = claimed.reports(all_claims(RESULTS))
    charts = [*sections.all_charts(parts), *(one for report in told for one in report.charts)]
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
