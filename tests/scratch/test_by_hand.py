"""No source of the scratch package uses JAX's autodiff: its gradients are hand-written."""

import ast
from pathlib import Path

import pytest

from fmnist_jax import scratch

AUTODIFF_NAMES = {
    "checkpoint", "custom_gradient", "custom_jvp", "custom_vjp", "grad", "hessian", "jacfwd",
    "jacobian", "jacrev", "jvp", "linear_transpose", "linearize", "remat", "value_and_grad", "vjp",
}  # fmt: skip


def autodiff_used(source: str) -> set[str]:
    """Names of JAX's autodiff that the source uses or imports."""
    used = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in {"jax", "jnp"}:
                used.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jax"):
            used |= {alias.name for alias in node.names}
            used |= {(node.module or "").rpartition(".")[2]}
    return used & (AUTODIFF_NAMES | {"ad", "autodiff", "api", "interpreters"})


SOURCES = sorted(Path(str(scratch.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_autodiff_in_the_scratch_package(path: Path) -> None:
    expected = {"custom_vjp"} if path.name == "custom_vjp.py" else set()

    assert autodiff_used(path.read_text(encoding="utf-8")) == expected


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import jax\njax.grad(f)", {"grad"}),
        ("from jax import vjp as pullback", {"vjp"}),
        ("from jax.interpreters import ad", {"interpreters", "ad"}),
        ("import jax\njax.value_and_grad(f)", {"value_and_grad"}),
        ("def value_and_grad(): ...\nmlp.value_and_grad(p)", set()),
    ],
)
def test_the_search_for_autodiff_finds_it(source: str, found: set[str]) -> None:
    assert autodiff_used(source) == found


def test_the_search_covers_the_package() -> None:
    names = {path.name for path in SOURCES}
    assert names >= {
        "activations.py", "batch_norm.py", "conv.py", "convnet.py", "custom_vjp.py", "dense.py",
        "dropout.py", "l2.py", "losses.py", "mlp.py", "pooling.py", "residual.py", "windows.py",
    }  # fmt: skip
