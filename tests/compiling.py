"""Small programs compiled quickly: compiling is most of the time of tests that compare two of them."""

from functools import partial

import jax

quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""`jax.jit`, for which LLVM needn't try hard; what XLA itself makes of a program stays the same."""
