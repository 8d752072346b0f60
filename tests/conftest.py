"""Strictness for every test, and the door to the real data."""

import os
from pathlib import Path

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """The directory with the real data set, from FMNIST_DATA_DIR; the test is skipped without it."""
    directory = os.environ.get("FMNIST_DATA_DIR")
    if not directory:
        pytest.skip("needs the real data: set FMNIST_DATA_DIR to a directory that holds it")
    return Path(directory)
