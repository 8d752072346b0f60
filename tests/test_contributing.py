"""CONTRIBUTING's worked examples do what they say, in a copy of the code."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = re.compile(
    r"(?P<how>Append to|Create) `(?P<path>[^`]+)`:\n\n```python\n(?P<code>.*?)```.*?"
    r"```sh\n(?P<command>.*?)\n```",
    re.DOTALL,
)
SCRIPT = """
import contextlib, io, json, sys
from experiments.__main__ import main as experiments
from fmnist_jax.cli.app import main as fmnist_jax

outputs = []
for program, *words in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run = fmnist_jax if program == "fmnist-jax" else experiments
        code = run(words)
    outputs.append([code, out.getvalue()])
print(json.dumps(outputs))
"""


class Example(NamedTuple):
    path: str
    command: str


EXAMPLES = [
    Example(found["path"], found["command"])
    for found in EXAMPLE.finditer((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
]
EXPECTED = {
    "fmnist_jax/scratch/activations.py": "PASSED",
    "fmnist_jax/scratch/initializers.py": "101,770",
    "fmnist_jax/ops/pooling.py": "min pooling",
    "fmnist_jax/runs/presets/tiny.py": "block 2: convolution 3x3",
    "experiments/reports/report2/wider_mlp.py": "report2/wider_mlp",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each example's command prints, all run in a copy in which all examples are applied."""
    copy = tmp_path_factory.mktemp("copy")
    for package in ("fmnist_jax", "experiments"):
        ignored = shutil.ignore_patterns("__pycache__", "index.html")
        shutil.copytree(ROOT / package, copy / package, ignore=ignored)
    for found in EXAMPLE.finditer((ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        path = copy / found["path"]
        assert path.exists() == (found["how"] == "Append to")
        with path.open("a", encoding="utf-8") as file:
            file.write(("\n\n" if found["how"] == "Append to" else "") + found["code"])
    commands = [
        shlex.split(example.command.replace("python -m experiments", "experiments"))
        for example in EXAMPLES
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert [code for code, _ in results] == [0] * len(EXAMPLES)
    return {example.path: out for example, (_, out) in zip(EXAMPLES, results, strict=True)}


def test_there_is_an_example_of_each_addition():
    assert [example.path for example in EXAMPLES] == list(EXPECTED)


@pytest.mark.parametrize("path", EXPECTED)
def test_the_command_shows_what_was_added(outputs: dict[str, str], path: str):
    assert EXPECTED[path] in outputs[path]
