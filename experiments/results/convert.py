"""Rewrite the results of before stages, a JSON file an experiment, as JSON Lines, a run a line.

Run once, from the repository's root: `python -m experiments.results.convert`. Every run and every figure
is kept: all values are counted and compared before an old file is removed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.engine.configuration import staged

RESULTS = Path(__file__).parent

NAMES = {
    "report1_table1": "report1/table1",
    "report1_table2": "report1/table2",
    "report1_kernels": "report1/kernels",
    "report1_choices": "report1/table1_selection",
    "report1_table2_choices": "report1/table2_selection",
    "report1_tuned": "report1/tuned",
    "report1_tuned_choices": "report1/tuned_selection",
    "report1_claims_mlp": "report1/ablations_mlp",
    "report1_claims_network": "report1/ablations_convnet",
    "report2_mlp": "report2/mlp",
    "report2_cnn": "report2/convnet",
    "report2_choices": "report2/selection",
    "report2_claims": "report2/ablations",
    "report3_lenet": "report3/lenet",
    "report3_choices": "report3/selection",
    "report4_mlp": "report4/mlp",
    "report4_backbone": "report4/backbone",
    "report4_claims_backbone": "report4/ablations_backbone",
    "report4_claims_mlp": "report4/ablations_mlp",
    "smallest_network": "beyond/smallest_network",
}
"""The experiments' names before, and now."""

OF_RUN = ("data_checksum", "seconds", "software", "device", "finished")
PREFIXES = {"cnn_": "convnet", "mlp_": "mlp"}


def main() -> None:
    """Convert every file."""
    total_runs = total_values = 0
    for old_name, new_name in NAMES.items():
        old_path, new_path = RESULTS / f"{old_name}.json", RESULTS / f"{new_name}.jsonl"
        rows = json.loads(old_path.read_text("utf-8"))["rows"]
        lines = [
            {"row": row, "seed": int(seed), "configuration": staged(stored["configuration"])}
            | in_stages(measured, staged(stored["configuration"]))
            for row, stored in rows.items()
            for seed, measured in stored["runs"].items()
        ]
        assert not any(stored.get("failed") for stored in rows.values())
        new_path.parent.mkdir(exist_ok=True)
        new_path.write_text(
            "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines), "utf-8"
        )
        runs, values = compare(rows, new_path)
        total_runs, total_values = total_runs + runs, total_values + values
        old_path.unlink()
        print(f"{new_name}: {runs} runs, {values} values")
    print(f"All: {total_runs} runs, {total_values} values, each the same before and after")


def in_stages(measured: dict[str, Any], configuration: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run by stage."""
    names = [stage["name"] for stage in configuration["stages"]]
    of_run = {name: measured[name] for name in OF_RUN}
    figures = {name: value for name, value in measured.items() if name not in OF_RUN}
    if len(names) == 1:
        return {"stages": {names[0]: figures | {"seconds": measured["seconds"]}}} | of_run
    stages: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name, value in figures.items():
        if name == "extraction_seconds":
            stages["mlp"][name] = value
            continue
        (prefix,) = (prefix for prefix in PREFIXES if name.startswith(prefix))
        stages[PREFIXES[prefix]][name.removeprefix(prefix)] = value
    return {"stages": stages} | of_run


def compare(rows: dict[str, Any], path: Path) -> tuple[int, int]:
    """Hold the new file, as it stands on disk, against the old rows; how many runs and values it has."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    found = {(line["row"], str(line["seed"])): line for line in lines}
    assert len(found) == len(lines) == sum(len(stored["runs"]) for stored in rows.values())
    count = 0
    for row, stored in rows.items():
        for seed, measured in stored["runs"].items():
            line = found[row, seed]
            before = dict(leaves({"figures": measured, "configuration": stored["configuration"]}))
            after = dict(leaves(as_before(line)))
            assert before == after, (path, row, seed)
            count += len(before)
    return len(lines), count


def as_before(line: dict[str, Any]) -> dict[str, Any]:
    """A line in the old format, written separately from the conversion so that the two check each other."""
    figures = {name: line[name] for name in OF_RUN}
    stages, configured = line["stages"], line["configuration"]["stages"]
    models = [
        {name: value for name, value in stage["model"].items() if name != "type"}
        for stage in configured
    ]
    assert [stage["name"] for stage in configured] == list(stages)
    assert [stage["model"]["type"] for stage in configured] == list(stages)
    if len(stages) == 1:
        ((only, (stage,)),) = [(values, configured) for values in stages.values()]
        assert only["seconds"] == line["seconds"]
        figures |= {name: value for name, value in only.items() if name != "seconds"}
        old = {"model": models[0], "training": stage["training"], "scaling": stage["scaling"]}
    else:
        first, second = configured
        figures |= {f"cnn_{name}": value for name, value in stages["convnet"].items()}
        for name, value in stages["mlp"].items():
            figures[name if name == "extraction_seconds" else f"mlp_{name}"] = value
        old = {
            "model": {
                "network": models[0],
                "mlp": models[1],
                "feature_scaling": second["scaling"],
            },
            "network_training": first["training"],
            "mlp_training": second["training"],
            "scaling": first["scaling"],
        }
    return {"figures": figures, "configuration": old | {"data": line["configuration"]["data"]}}


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number, text and null in it, by its place."""
    items = (
        values.items()
        if isinstance(values, dict)
        else enumerate(values)
        if isinstance(values, list)
        else None
    )
    if items is None:
        yield path, values
        return
    for name, value in items:
        yield from leaves(value, f"{path}/{name}")


if __name__ == "__main__":
    main()
