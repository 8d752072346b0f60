"""What a run's directory holds."""

import json
from pathlib import Path

from PIL import Image

COMMON = {"confusion_matrix", "first_layer", "mistakes", "predictions"}


def read_result(run_dir: Path) -> dict:
    return json.loads((run_dir / "result.json").read_text())["stages"]


def pictures(run_dir: Path) -> set[str]:
    for path in (run_dir / "pictures").iterdir():
        with Image.open(path) as picture:
            picture.load()
    return {path.stem for path in (run_dir / "pictures").iterdir()}


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]
