"""Small programs compiled quickly: compiling takes most of the time of the tests that compare them."""

from functools import partial

import jax

quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""`jax.jit` without LLVM's optimizations; XLA's own stay the same."""
