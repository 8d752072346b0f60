"""Builds the results page from stored results, shipped models and data."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.analysis.judgement import Judgement, all_claims, p_text, seeds_text, tests_text
from experiments.analysis.rule import RULE
from experiments.analysis.statistics import CONVNET_TOLERANCE, MLP_TOLERANCE, ROUNDING
from experiments.engine.store import RESULTS
from experiments.site import claims, gradients, pictures, readme, sections, speed, tables
from experiments.site.charts import Chart
from experiments.site.sections import Part
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

SYMBOLS = {
    "reproduced": "✓", "better": "▲", "worse": "▼", "holds": "✓", "does not hold": "✗",
    "no difference that matters": "=", "inconclusive": "?", "not run": "…", "passes": "✓", "fails": "✗",
}  # fmt: skip
"""Verdicts must not differ by colour alone; the others have a dot."""


@frozen
class Sources:
    """What the page is built from."""

    parts: Sequence[Part]
    judgements: Sequence[Judgement]
    speeds: Sequence[speed.Speed]
    networks: Mapping[str, Any]
    """MLPs whose gradients are checked, by description."""
    models: Mapping[str, Classifier]
    dataset: Dataset


def build(
    log: Log, data: DataConfig | None = None, results: Path = RESULTS, docs: Path | None = None
) -> Path:
    """Write `index.html` into the folder `results`, from the results there, and the README's pictures.

    These go into `docs`, by default only where `results` is the study's own folder. Raises UserError.
    """
    dataset = load_dataset(data or DataConfig(), log)
    sources = Sources(
        [sections.part(experiment, results) for experiment in experiments()],
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


def charts_of(parts: Sequence[Part], reports: Sequence[claims.Report]) -> list[Chart]:
    """Every chart of the experiments and the claims."""
    return [*sections.all_charts(parts), *(one for report in reports for one in report.charts)]


def render(sources: Sources, log: Log) -> str:
    """The page's HTML."""
    speed_charts = list(speed.charts(sources.speeds))
    reports = claims.reports(sources.judgements)
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
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}  # 38 kB less
    environment.filters["label"] = tables.label
    environment.globals.update(zip=zip, p_text=p_text, seeds_text=seeds_text, tables=tables)
    return environment.get_template("page.html.jinja").render(
        sections=sections.sections(sources.parts),
        parts=sources.parts,
        speeds=sources.speeds,
        speed_charts=speed_charts,
        checks=checks,
        galleries=galleries,
        reports=reports,
        rule=RULE,
        symbols=SYMBOLS,
        tolerances={"mlp": MLP_TOLERANCE, "convnet": CONVNET_TOLERANCE, "rounding": ROUNDING},
        tests=tests_text(sources.judgements),
        summary=_summary(sources.parts, sources.judgements),
        files={
            name: (HERE / name).read_text("utf-8")
            for name in ("style.css", "page.js", "licence.txt")
        },
        bundle=bundle(),
        specs={one.id: one.spec for one in [*charts_of(sources.parts, reports), *speed_charts]},
        themes={
            name: {"config": config(theme), "colours": colours(theme)}
            for name, theme in THEMES.items()
        },
    )


def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    script = vl_convert.javascript_bundle()  # pyright: ignore[reportCallIssue]  # it has a default
    return script.replace("</script", "<\\/script")


def _summary(parts: Sequence[Part], judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The totals at the top of the page."""
    runs = [run for part in parts for run in part.runs]
    finished = [run for run in runs if run.seconds]
    lines = [line for part in parts for line in part.lines]
    rows = {(part.id, line.row): line.runs != "0" for part in parts for line in part.lines}
    return {
        "rows": len(rows),
        "measured": sum(rows.values()),
        "runs": len(finished),
        "failed": len(runs) - len(finished),
        "hours": sum(float(run.seconds) for run in finished) / 3600,
        "first": min((run.finished for run in finished), default=""),
        "last": max((run.finished for run in finished), default=""),
        "devices": Counter(run.device for run in finished),
        "verdicts": Counter(line.verdict for line in lines if line.reported),
        "claims": Counter(one.verdict for one in judgements),
    }
