"""Strictness for every test, the door to the real data, and what many tests need, made once."""

import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from fmnist_jax.checkpoint.checkpoint import save_checkpoint
from fmnist_jax.data import sources
from tests import once
from tests.checkpoints import checkpoint
from tests.compiling import QUICK, compile_quickly, run_compiled_for_users
from tests.once import MakeOnce

compile_quickly()
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test marked `compiled_for_users` is called in a separate process; True: it was."""
    marked = pyfuncitem.get_closest_marker("compiled_for_users")
    if marked is None or os.environ["XLA_FLAGS"] != QUICK:
        return None
    run_compiled_for_users(pyfuncitem.path)
    return True


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """The directory with the real data set, from FMNIST_DATA_DIR; the test is skipped without it."""
    directory = os.environ.get("FMNIST_DATA_DIR")
    if not directory:
        pytest.skip("needs the real data: set FMNIST_DATA_DIR to a directory that holds it")
    return Path(directory)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint on disk, to be left as it is."""
    path = tmp_path_factory.mktemp("original") / "checkpoint"
    save_checkpoint(path, checkpoint())
    return path


@pytest.fixture
def copied(original: Path, tmp_path: Path) -> Path:
    """A copy of it, to be altered."""
    return Path(shutil.copytree(original, tmp_path / "checkpoint"))


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """`once.make_once`, below the session's folder."""
    return functools.partial(once.make_once, base=tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session", autouse=True)
def synthetic_pictures() -> Iterator[None]:
    """The synthetic data set is the same each time, so it is drawn once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sources, "draw_synthetic", once.drawn)
        yield


@pytest.fixture(scope="module")
def few_pictures() -> Iterator[None]:
    """The synthetic data set is a small one: of 0.3333 for validation there are 400, as for the test."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sources, "draw_synthetic", once.few)
        yield


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's pictures are there, and blank."""
    from tests.blank_pictures import draw_blank  # which takes matplotlib a second

    draw_blank(monkeypatch.setattr)
