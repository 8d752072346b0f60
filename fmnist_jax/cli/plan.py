"""The options of a network that the command line takes by name, and what they describe: its run."""

import inspect
from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeVar

import tyro

from fmnist_jax.cli.arguments import Unprefixed, parse
from fmnist_jax.errors import unknown_name
from fmnist_jax.runs.config import NAMES
from fmnist_jax.runs.presets import PRESETS
from fmnist_jax.runs.presets.base import Plan

Options = TypeVar("Options")


def parse_plan(
    command: str, words: Sequence[str], output: type[Options], does: str = "Train"
) -> tuple[Plan, Options]:
    """Parse a network's name, its options and those of the command itself, which are `output`'s fields.

    `does` replaces "Train" in the network's help. Raises UserError for words that don't fit.
    """
    name, *rest = words
    if name not in PRESETS:
        raise unknown_name("network", name, PRESETS)
    preset = PRESETS[name]
    plan = Annotated[Plan, tyro.conf.arg(constructor=preset.options, name="", help="")]
    both = NamedTuple(  # noqa: UP014 - the annotations are values
        "both",
        [("plan", plan if preset.prefixes else Unprefixed[plan]), ("output", Unprefixed[output])],
    )
    summary, _, _ = inspect.cleandoc(preset.options.__doc__ or "").partition("\n\nArgs:")
    both.__doc__ = summary.replace("Train", does, 1)
    program = f"fmnist-jax {command} {name}"
    return parse(both, program, rest, NAMES, prefixes=True)  # pyright: ignore[reportReturnType]
