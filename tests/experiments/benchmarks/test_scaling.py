"""The model of a step's time, and the bytes that a compiled program communicates."""

import json
from pathlib import Path

import pytest

from experiments.benchmarks.scaling import TOPOLOGIES, communicated_bytes, main, table
from experiments.benchmarks.scaling_model import (
    CHIPS,
    NETWORKS,
    WORTHWHILE,
    all_reduce_seconds,
    efficiency,
    limit,
)

H100, TPU = CHIPS


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
@pytest.mark.parametrize("name", NETWORKS)
def test_efficiency_falls_with_the_number_of_chips_and_grows_with_the_batch(name: str, chip):
    model, counts = NETWORKS[name], (1, 2, 8, 64, 512)
    found = [efficiency(model, 1024, chip, count) for count in counts]
    assert found[0] == 1
    assert found == sorted(found, reverse=True)
    assert efficiency(model, 16384, chip, 8) > efficiency(model, 64, chip, 8)
    most = limit(model, 16384, chip)
    assert efficiency(model, 16384, chip, most) >= WORTHWHILE
    assert most == 512 or efficiency(model, 16384, chip, 2 * most) < WORTHWHILE


def test_an_all_reduce_is_slower_beyond_the_group():
    assert all_reduce_seconds(1e6, H100, 1) == 0
    assert all_reduce_seconds(1e9, H100, 16) > 5 * all_reduce_seconds(1e9, H100, 8)
    assert all_reduce_seconds(1e9, TPU, 256) < all_reduce_seconds(1e9, H100, 256)


def test_communicated_bytes_are_those_of_all_collective_operations():
    program = """
  %r.1 = (f32[784,10]{1,0}, f32[10]{0}, /*index=2*/s32[]) all-reduce(%a, %b, %c), channel_id=1
  %g.1 = f32[2,3]{1,0} all-gather(%r), dimensions={0}
  %m = f32[4096]{0} multiply(%r, %all-reduce.2)
"""
    assert communicated_bytes(program) == 4 * (7840 + 10 + 1 + 6)


def test_the_table_shows_what_is_stored(tmp_path: Path):
    assert table(tmp_path).startswith("Not measured yet")
    measured = {one.name: {"images_per_second": 1234.5, "bytes_per_step": 99} for one in TOPOLOGIES}
    stored = {"jax 0.10.2": {"LeNet": {"candidates": measured}}}
    (tmp_path / "scaling.json").write_text(json.dumps(stored))
    text = table(tmp_path)
    assert text.count("1,234") == len(TOPOLOGIES)
    assert "2 devices, 2 processes" in text
    assert "jax 0.10.2" in text


def test_options_that_measure_nothing_are_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["--rows", "no such network"]) == 2
    assert "no row has 'no such network' in its name" in capsys.readouterr().err
