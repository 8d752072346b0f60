"""Programs of tests are compiled quickly: compiling takes most of the tests' time.

XLA's passes over the program stay the same. Left out are LLVM's optimizations and, up to JAX 0.10, the
fusion emitters, which build loops in many steps; last bits may differ. A test marked `compiled_for_users`
runs in a process that compiles as users do, and with `XLA_FLAGS= make test` all do.
"""

import functools
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax

QUICK = "--xla_backend_optimization_level=0"
if jax.__version_info__ < (0, 11):  # later ones have no other emitters
    QUICK += " --xla_cpu_use_fusion_emitters=false"

quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""`jax.jit` without LLVM's optimizations; XLA's own stay the same."""


def compile_quickly() -> None:
    """From now on, in this process and those that it starts, unless XLA_FLAGS is set."""
    os.environ.setdefault("XLA_FLAGS", QUICK)


@functools.cache
def run_compiled_for_users(file: Path) -> None:
    """Run the file's marked tests in one process that compiles as users do; raise if one fails."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("-m", "compiled_for_users", file),
        ],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
