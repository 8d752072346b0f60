"""The README's Python examples run as printed."""

import re
from pathlib import Path

import chex
import jax
import pytest

import fmnist_jax

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


def test_every_public_name_is_there():
    for name in fmnist_jax.__all__:
        assert getattr(fmnist_jax, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fmnist_jax.nonsense  # pyright: ignore[reportAttributeAccessIssue]


def test_training_and_classifying(
    real_data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("FMNIST_DATA_DIR", str(real_data_dir))
    assert "epochs=5" in BLOCKS[0]
    exec(compile(BLOCKS[0].replace("epochs=5", "epochs=2"), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "EpochRecord(epoch=2, " in out
    assert "label='Ankle boot'" in out


@pytest.mark.usefixtures("few_pictures")
def test_the_pipeline(capsys: pytest.CaptureFixture):
    smaller = {
        "(32, 64, 128, 256, 512)": "(2, 2, 3, 3, 4)",
        "hidden=1024": "hidden=5, kernels=(3, 1, 1, 1, 1)",
        "DataConfig()": 'DataConfig(source="synthetic")',
        "pipeline(network)": "pipeline(network).with_training(epochs=1)",
    }
    block = BLOCKS[1]
    for shown, tried in smaller.items():
        assert shown in block
        block = block.replace(shown, tried)
    with jax.numpy_dtype_promotion("standard"):  # optax's Adam
        exec(compile(block, "README.md", "exec"), {})
    shape, *accuracies = capsys.readouterr().out.splitlines()[-3:]
    assert shape == "(400, 4)"
    assert all(0 <= float(accuracy) <= 1 for accuracy in accuracies)


def test_the_gradient_alone():
    namespace: dict = {}
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(compile(BLOCKS[2], "README.md", "exec"), namespace)
    chex.assert_trees_all_close(namespace["gradients"], namespace["same"], atol=1e-6)
    chex.assert_trees_all_equal_shapes(namespace["again"], namespace["parameters"])
