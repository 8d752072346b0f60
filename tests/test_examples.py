"""The examples run as they are shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_train_mlp_learns_and_prints_a_line_an_epoch() -> None:
    words = [sys.executable, "examples/train_mlp.py", "--source", "synthetic", "--epochs", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}

    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    _, first, second, last = done.stdout.splitlines()
    losses = [re.fullmatch(rf"epoch {n}: loss (\S+), validation accuracy \S+%", line)
              for n, line in ((1, first), (2, second))]  # fmt: skip
    assert losses[0]
    assert losses[1]
    assert float(losses[1][1]) < float(losses[0][1])
    accuracy = re.fullmatch(r"test accuracy (\S+)%", last)
    assert accuracy
    assert float(accuracy[1]) > 50  # of ten classes
