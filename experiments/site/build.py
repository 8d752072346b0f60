"""Builds the results page from stored results, shipped models and data."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.analysis.judgement import Judgement, all_claims, tests_text
from experiments.analysis.rule import RULE
from experiments.analysis.statistics import (
    CONVNET_TOLERANCE,
    MLP_TOLERANCE,
    ROUNDING,
    experiment_statistics,
)
from experiments.engine.spec import Experiment
from experiments.engine.store import RESULTS, Store
from experiments.site import claims, gradients, pictures, readme, rows, sections, speed
from experiments.site.parts import Chart, Part
from experiments.site.theme import THEMES, colours, config
from experiments.study.catalogue import experiments
from fmnist_jax.checkpoint.checkpoint import shipped_checkpoints
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.storage.files import write_bytes, writing

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"

Log = Callable[[str], None]


@frozen
class Sources:
    """What the page is built from."""

    parts: Sequence[Part]
    judgements: Sequence[Judgement]
    speeds: list[speed.Speed]
    networks: Mapping[str, Any]
    """MLPs whose gradients are checked, by description."""
    models: Mapping[str, Classifier]
    dataset: Dataset


def build(
    log: Log, data: DataConfig | None = None, results: Path = RESULTS, docs: Path | None = None
) -> Path:
    """Write `index.html` into the folder `results`, from the results there; returns its path.

    The README's pictures go into `docs`, by default only where `results` is the study's own folder. Raises
    UserError if the data is not available or a file can't be written.
    """
    dataset = load_dataset(data or DataConfig(), log)
    sources = Sources(
        [part(experiment, results) for experiment in experiments()],
        all_claims(results),
        speed.measured(results),
        gradients.networks(experiments()),
        {name: Classifier.from_checkpoint(path) for name, path in shipped_checkpoints().items()},
        dataset,
    )
    text = render(sources, log)
    page = results / "index.html"
    with writing(page):
        results.mkdir(parents=True, exist_ok=True)
        write_bytes(page, text.encode())
    log(f"Written: {page}, {len(text.encode()) / 2**20:.2f} MiB")
    if docs is None and results == RESULTS:
        docs = DOCS
    for picture in readme.save(sections.all_charts(sources.parts), docs) if docs else ():
        log(f"Written: {picture}")
    return page


def part(experiment: Experiment, results: Path) -> Part:
    """What the page shows of an experiment."""
    stored = Store(experiment, results, "").read()
    return sections.part(experiment, experiment_statistics(experiment, results), stored)


def charts_of(parts: Sequence[Part], reports: Sequence[claims.Report]) -> list[Chart]:
    """Every chart of the experiments and the claims."""
    return [*sections.all_charts(parts), *(one for report in reports for one in report.charts)]


def render(sources: Sources, log: Log) -> str:
    """The page's HTML."""
    speed_charts = _speed_charts(sources.speeds)
    reports = claims.reports(sources.judgements)
    shown = [*charts_of(sources.parts, reports), *speed_charts]
    log("Gradient checks")
    checks = [gradients.run_check(name, model) for name, model in sources.networks.items()]
    log("Pictures")
    galleries = [
        pictures.of_model(name, model, sources.dataset)
        for name, model in sorted(sources.models.items())
    ]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.jinja").render(
        sections=sections.sections(sources.parts),
        parts=sources.parts,
        speeds=sources.speeds,
        speed_charts=speed_charts,
        checks=checks,
        galleries=galleries,
        reports=reports,
        rule=RULE,
        tolerances={"mlp": MLP_TOLERANCE, "convnet": CONVNET_TOLERANCE, "rounding": ROUNDING},
        tests=tests_text(sources.judgements),
        summary=_summary(sources.parts, sources.judgements),
        zip=zip,
        style=(HERE / "style.css").read_text("utf-8"),
        script=(HERE / "page.js").read_text("utf-8"),
        licence=(HERE / "licence.txt").read_text("utf-8"),
        bundle=bundle(),
        specs={one.id: one.spec for one in shown},
        themes={
            name: {"config": config(theme), "colours": colours(theme)}
            for name, theme in THEMES.items()
        },
    )


def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    script = vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue]  # it has a default
    return script.replace("</script", "<\\/script")


def _speed_charts(speeds: list[speed.Speed]) -> list[Chart]:
    return [
        Chart(
            f"speed-{file}",
            f"{speed.TITLES[file]}, {speed.newest(speeds, file).replace('jax', 'JAX')}",
            "Dot plot on a logarithmic scale: our speed divided by that of others, by network. The table "
            "below has the figures.",
            "Median over rounds; the line goes from the lowest to the highest round. Above 1, ours is "
            "faster.",
            rows.ratios(speed.chart_records(speeds, file), "times as fast"),
        )
        for file in dict.fromkeys(one.file for one in speeds)
    ]


def _summary(parts: Sequence[Part], judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The totals at the top of the page."""
    runs = [run for part in parts for run in part.runs]
    finished = [run for run in runs if run.seconds]
    rows = {(part.name, line.row): line.runs != "0" for part in parts for line in part.lines}
    return {
        "rows": len(rows),
        "measured": sum(rows.values()),
        "runs": len(finished),
        "failed": len(runs) - len(finished),
        "hours": sum(float(run.seconds) for run in finished) / 3600,
        "first": min((run.finished for run in finished), default=""),
        "last": max((run.finished for run in finished), default=""),
        "devices": Counter(run.device for run in finished),
        "verdicts": Counter(line.verdict for part in parts for line in part.lines if line.reported),
        "claims": Counter(one.verdict for one in judgements),
    }
