"""The page in a real browser: the one of made-up results, and the one that is committed."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from experiments.engine.store import RESULTS
from experiments.site.theme import DARK, LIGHT

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
COMMITTED = RESULTS / "index.html"

PATIENCE = 30_000
"""Milliseconds that a busy machine may take for a chart."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(
            "needs a Chromium: apt-get install chromium-headless-shell (Debian), or another of "
            + ", ".join(NAMES[1:])
        )
    with sync_playwright() as playwright:
        # Without its sandbox it runs as root too, as tests in containers do; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page that is open, with what went wrong so far."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, made_page: Path) -> Iterator[Seen]:
    """The page (file, width, colour scheme) with every chart drawn."""
    which, width, scheme = request.param
    path = made_page if which == "made" else COMMITTED
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    seen = Seen(context.new_page())
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("data:", path.as_uri()))
            else seen.complaints.append(f"requested {request.url}")
        ),
    )
    seen.page.goto(path.as_uri())
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    for index in range(seen.page.locator(".chart").count()):
        chart = seen.page.locator(".chart").nth(index)
        chart.evaluate("place => place.scrollIntoView()")
        seen.page.wait_for_function(
            "index => 'drawn' in document.querySelectorAll('.chart')[index].dataset", arg=index
        )
    yield seen
    context.close()


EVERY_LOOK = [
    ("made", 360, "light"),
    ("made", 1280, "dark"),
    ("committed", 360, "dark"),
    ("committed", 1280, "light"),
]
FAULTS = """() => {
  const faults = [];
  const charts = [...document.querySelectorAll(".chart")];
  for (const chart of charts) {
    const svg = chart.querySelector("svg");
    const marks = ".mark-line path, .mark-symbol path, .mark-rect path, .mark-rule line";
    const drawn = svg?.querySelectorAll(marks);
    if (!drawn?.length) faults.push(`${chart.id} is empty`);
    const box = svg?.getBoundingClientRect();
    if (box && box.right > innerWidth + 1) faults.push(`${chart.id} sticks out: ${box.right}`);
    if (box && box.width < 200) faults.push(`${chart.id} is only ${box.width} wide`);
    if (!chart.getAttribute("aria-label")) faults.push(`${chart.id} has no words`);
  }
  const images = [...document.images];
  for (const image of images) {
    if (!image.complete || !image.naturalWidth) faults.push(`not loaded: ${image.alt}`);
    if (!image.alt) faults.push("an image has no words");
  }
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) faults.push(`scrolls to ${width}`);
  if (!charts.length || !images.length) faults.push("no charts or no images");
  return faults;
}"""


@pytest.mark.parametrize(
    "opened", EVERY_LOOK, indirect=True, ids=lambda look: "-".join(map(str, look))
)
def test_it_renders_without_complaints(opened: Seen):
    assert opened.page.evaluate(FAULTS) == []
    assert opened.complaints == []


def colour(page: Page, selector: str, name: str) -> str:
    """A colour as the browser has it, like "rgb(18, 22, 28)"."""
    script = "(place, name) => getComputedStyle(place)[name]"
    return page.locator(selector).first.evaluate(script, name)


def rgb(code: str) -> str:
    return f"rgb({', '.join(str(int(code[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize("opened", [("made", 1280, "light")], indirect=True)
def test_it_reacts_to_reader_and_pointer(opened: Seen):
    page = opened.page
    chart = page.locator("#report1-table1-accuracy")

    # Another row: other curves.
    before = chart.inner_html()
    page.locator("#report1-table1-row").select_option(index=1)
    page.wait_for_function(
        "before => document.querySelector('#report1-table1-accuracy').innerHTML !== before",
        arg=before,
    )

    # The pointer over a curve shows its figures.
    chart.scroll_into_view_if_needed()
    box = chart.locator("svg").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2 + 5, box["y"] + box["height"] / 2)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "Epoch" in tooltip.inner_text()

    # A choice in the legend leaves the other curve pale.
    chart.locator(".role-legend-label text").first.click()
    page.wait_for_function(
        """() => [...document.querySelectorAll('#report1-table1-accuracy .mark-line path')]
               .some(line => Number(line.getAttribute('opacity') ?? 1) < 0.5)"""
    )

    # Page and charts follow the dark colour scheme.
    assert colour(page, "body", "backgroundColor") == rgb(LIGHT.ground)
    page.emulate_media(color_scheme="dark")
    assert colour(page, "body", "backgroundColor") == rgb(DARK.ground)
    page.wait_for_function(
        "ink => document.querySelector('#report1-table1-accuracy .mark-text text').getAttribute('fill')"
        " === ink",
        arg=DARK.ink,
    )
    assert opened.complaints == []
