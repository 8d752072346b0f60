"""The container file and the cluster file are valid for the programs that read them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DEPLOY = Path(__file__).parent.parent / "deploy"


def test_hadolint_finds_nothing_in_the_container_file():
    folder = Path(sys.executable).parent
    hadolint = shutil.which("hadolint", path=f"{folder}:/usr/local/bin:/usr/bin:/bin")
    if hadolint is None:
        pytest.skip("needs hadolint: install the extra test")
    found = subprocess.run(
        [hadolint, "--format", "json", DEPLOY / "Dockerfile"], capture_output=True, text=True
    )
    assert json.loads(found.stdout) == []


def cluster_file() -> dict[str, Any]:
    return pytest.importorskip("yaml").safe_load((DEPLOY / "cluster.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    "broken", [{}, {"max_workers": "two"}, {"docker": {"imago": "fmnist-jax"}}, {"nodes": 3}]
)
def test_rays_schema_accepts_the_cluster_file(broken: dict[str, Any]):
    autoscaler = pytest.importorskip("ray.autoscaler")
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(autoscaler.__file__).parent / "ray-schema.json").read_text("utf-8"))
    if broken:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(cluster_file() | broken, schema)
    else:
        jsonschema.validate(cluster_file(), schema)


def test_ray_completes_the_cluster_file():
    util = pytest.importorskip("ray.autoscaler._private.util")
    complete = util.prepare_config(cluster_file())
    util.validate_config({**complete, "cluster_synced_files": []})
    assert complete["max_workers"] == len(complete["provider"]["worker_ips"])
