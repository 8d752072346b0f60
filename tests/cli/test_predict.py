import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist_jax.data.loading import DataConfig, load_dataset

pytestmark = pytest.mark.usefixtures("few_pictures")


def pictures(folder: Path, count: int) -> list[Path]:
    """Test pictures of the synthetic set as PNG files."""
    images = load_dataset(DataConfig(source="synthetic"), lambda line: None).test.images
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{index}.png" for index in range(count)]
    for path, image in zip(paths, images, strict=False):
        Image.fromarray(image).save(path)
    return paths


def test_a_line_a_picture_with_the_likeliest_classes(cli: Callable, run_dir: Path, tmp_path: Path):
    first, second = pictures(tmp_path, 2)
    code, out, _ = cli("predict", run_dir, first, second, "--top-k", 2)
    assert code == 0
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(first), str(second)]
    assert all(line.count("%") == 2 for line in lines)


def test_a_pipeline_predicts_too(cli: Callable, pipeline_dir: Path, tmp_path: Path):
    code, out, _ = cli("predict", pipeline_dir, *pictures(tmp_path, 2), "--top-k", 1)
    assert code == 0
    assert out.count("%") == out.count("\n") == 2


def test_json_and_a_folder(cli: Callable, run_dir: Path, tmp_path: Path):
    pictures(tmp_path / "folder", 3)
    code, out, _ = cli("predict", run_dir / "checkpoint", tmp_path / "folder", "--json")
    assert code == 0
    answers = json.loads(out)
    assert [answer["image"] for answer in answers] == [
        str(tmp_path / "folder" / f"{index}.png") for index in range(3)
    ]
    for answer in answers:
        assert answer["top"][0] == {
            "label": answer["label"],
            "probability": answer["probability"],
        }
        assert len(answer["top"]) == 3


def test_invert_changes_the_picture(cli: Callable, run_dir: Path, tmp_path: Path):
    image = np.asarray(Image.open(pictures(tmp_path, 1)[0]))
    Image.fromarray(255 - image).save(tmp_path / "inverted.png")
    plain = cli("predict", run_dir, tmp_path / "0.png").out
    inverted = cli("predict", run_dir, tmp_path / "inverted.png", "--invert").out
    assert plain.split(": ")[1] == inverted.split(": ")[1]
    assert inverted != cli("predict", run_dir, tmp_path / "inverted.png").out


def test_too_many_classes_asked_for(cli: Callable, run_dir: Path, tmp_path: Path):
    code, _, err = cli("predict", run_dir, *pictures(tmp_path, 1), "--top-k", 11)
    assert code == 2
    assert "top_k" in err


def test_predict_imports_nothing_it_does_not_need(run_dir: Path, tmp_path: Path):
    (picture,) = pictures(tmp_path, 1)
    heavy = {
        "optax", "flax", "sklearn", "scipy", "matplotlib", "pyarrow", "pandas",
        "tensorflow_datasets",
    }  # fmt: skip
    script = (
        "import sys; from fmnist_jax.cli.app import main;"
        f"assert main(['predict', {str(run_dir)!r}, {str(picture)!r}]) == 0;"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
