"""The page of results, drawn from what is stored, the shipped models and the data; nothing typed in."""

import importlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.analysis.judgement import Judged, all_claims
from experiments.analysis.statistics import experiment_statistics
from experiments.engine.runner import RESULTS, Store
from experiments.site import claimed, gradients, pictures, readme, rows, sections, speed
from experiments.site.parts import Chart, Part
from experiments.site.sections import SECTIONS
from experiments.site.theme import THEMES, colours, config
from experiments.study.catalogue import CATALOGUE, Entry, module_of
from fmnist_jax.checkpoint.checkpoint import shipped_checkpoints
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.loading import DataConfig, load_dataset
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.storage.files import write_bytes, writing

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
SPEEDS = {
    "throughput_mlp": "The scratch MLP",
    "throughput_networks": "The convolutional networks",
}
"""What the files of throughput are about."""


def build(
    log: Callable[[str], None],
    data: DataConfig | None = None,
    results: Path = RESULTS,
    docs: Path | None = None,
) -> Path:
    """Write `results/index.html` from the JSON files in `results`; returns its path.

    The README's pictures go to `docs`, unless told only of the study's own results. Raises UserError
    where the data can't be had, of which pictures are made, or a file can't be written.
    """
    dataset = load_dataset(data or DataConfig(), log)
    parts = [part(entry, results) for entry in CATALOGUE]
    models = {
        name: Classifier.from_checkpoint(path) for name, path in shipped_checkpoints().items()
    }
    text = render(parts, all_claims(results), results, models, dataset, log)
    page = results / "index.html"
    with writing(page):
        results.mkdir(parents=True, exist_ok=True)
        write_bytes(page, text.encode())
    log(f"Written: {page}, {len(text.encode()) / 2**20:.2f} MiB")
    if docs is None and results == RESULTS:
        docs = DOCS
    for picture in readme.save(sections.all_charts(parts), docs) if docs else ():
        log(f"Written: {picture}")
    return page


def part(entry: Entry, results: Path) -> Part:
    """What the page shows of an experiment."""
    return sections.part(
        experiment_statistics(entry.experiment, results),
        entry.reproduces,
        importlib.import_module(module_of(entry.name)).__doc__ or "",
        Store(entry.experiment, results, "").read(),
    )


def render(
    parts: Sequence[Part],
    claims: Sequence[Judged],
    results: Path,
    models: Mapping[str, Classifier],
    dataset: Dataset,
    log: Callable[[str], None],
) -> str:
    """The page's HTML: the parts, the claims, the speeds stored in `results`, the models' answers."""
    speeds = speed.measured(results)
    speed_charts = _speed_charts(speeds)
    told = list(claimed.reports(claims))
    shown: list[Chart] = [
        *sections.all_charts(parts),
        *(one for report in told for one in report.charts),
        *speed_charts,
    ]
    log("Gradient checks")
    checks = [gradients.checked(name, model) for name, model in gradients.networks().items()]
    log("Pictures")
    galleries = [pictures.of_model(name, model, dataset) for name, model in sorted(models.items())]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.jinja").render(
        sections=[(section, *sections.in_order(section, parts)) for section in SECTIONS],
        parts=parts,
        speeds=speeds,
        speed_charts=speed_charts,
        checks=checks,
        galleries=galleries,
        claims=told,
        summary=_summary(parts, told),
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
            f"{SPEEDS.get(file, file)}, {speed.newest(speeds, file).replace('jax', 'JAX')}",
            "Dot plot on a logarithmic scale: how many times the others' our speed is, by network; the "
            "figures stand in the table below.",
            "The median of the rounds; the line goes from the least to the most. Right of 1 ours is "
            "faster.",
            rows.ratios(speed.chart_records(speeds, file), "times as fast"),
        )
        for file in dict.fromkeys(one.file for one in speeds)
    ]


def _summary(parts: Sequence[Part], told: Sequence[claimed.Report]) -> dict[str, Any]:
    """What the page has in all."""
    runs = [run for part in parts for run in part.runs]
    ended = [run for run in runs if run.seconds]
    rows = {(part.name, line.row): line.runs != "0" for part in parts for line in part.lines}
    return {
        "rows": len(rows),
        "measured": sum(rows.values()),
        "runs": len(ended),
        "failed": len(runs) - len(ended),
        "hours": sum(float(run.seconds) for run in ended) / 3600,
        "first": min((run.finished for run in ended), default=""),
        "last": max((run.finished for run in ended), default=""),
        "devices": Counter(run.device for run in ended),
        "verdicts": Counter(line.verdict for part in parts for line in part.lines if line.reported),
        "claims": Counter(claim.verdict.short for report in told for claim in report.claims),
    }
