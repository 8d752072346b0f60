from pathlib import Path

from experiments.benchmarks.results import to_json
from experiments.benchmarks.tables import tables


def timed(seconds: float, ratio: float) -> dict[str, float]:
    return {"median_seconds": seconds, "ratio": ratio}


def rated(rate: float, ratio: float = 1.0) -> dict[str, float]:
    return {"median_images_per_second": rate, "ratio": ratio, "compile_seconds": 3.21}


def write(folder: Path) -> None:
    mlp = {"hand-written": timed(0.2, 1.0), "autodiff": timed(0.3, 1.5), "NumPy": timed(0.4, 2.0)}
    older = {"hand-written": timed(0.1, 1.0), "autodiff": timed(0.1, 0.999)}
    convnet = {
        "ours": rated(12345.6), "Flax": rated(1000.0, 12.3456), "PyTorch": rated(9000.0, 1.371),
        "our features": rated(99999.0), "PyTorch's features": rated(50000.0, 2.0),
    }  # fmt: skip
    slower = convnet | {"PyTorch": rated(9000.0, 0.9)}
    (folder / "mlp.json").write_text(to_json({
        "jax 0.12.1": {"784,10": {"candidates": mlp}, "784,20,10": {"candidates": mlp}},
        "jax 0.10.2": {"784,10": {"candidates": older}},
    }))  # fmt: skip
    (folder / "convnets.json").write_text(to_json({
        "jax 0.12.1": {"LeNet": {"candidates": convnet}, "other": {"candidates": slower}},
    }))  # fmt: skip


def lines(table: str) -> list[str]:
    """The table's rows, without padding."""
    return ["|".join(cell.strip() for cell in line.split("|")[1:-1]) for line in table.splitlines()]


def test_figures_of_older_versions_stand_in_brackets(tmp_path: Path) -> None:
    write(tmp_path)
    assert lines(tables(tmp_path)["benchmarks/mlp"])[2:] == [
        "784,10|0.20 (0.10)|1.50 (1.00)|2.00||",
        "784,20,10|0.20|1.50|2.00||",
    ]


def test_convnets(tmp_path: Path) -> None:
    write(tmp_path)
    made = tables(tmp_path)
    header, _, lenet, other = lines(made["benchmarks/convnets"])
    assert header.split("|")[:3] == ["network", "ours, images/s", "over PyTorch"]
    assert lenet == "LeNet|12,346|1.37|12.35|99,999|2.00|3.2"
    assert other.startswith("other|12,346|0.90|")
    assert [line.partition("|")[0] for line in lines(made["benchmarks/convnets-brief"])] == [
        "network", lines(made["benchmarks/convnets-brief"])[1].partition("|")[0], "LeNet",
    ]  # fmt: skip


def test_targets_have_the_median_and_the_least_ratio(tmp_path: Path) -> None:
    write(tmp_path)
    assert "PyTorch|0.12.1|2|1.14 (1.25)|0.90 (1)" in lines(
        tables(tmp_path)["benchmarks/convnets-targets"]
    )


def test_the_documents_tables_are_the_stored_measurements() -> None:
    text = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text("utf-8")
    for name, table in tables().items():
        assert len(table.splitlines()) > 2, name
        if name != "benchmarks/convnets-brief":
            assert f"<!-- table: {name} -->\n\n{table}\n\n<!-- end -->" in text
