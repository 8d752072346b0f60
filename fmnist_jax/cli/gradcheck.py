"""`fmnist-jax gradcheck`: is the hand-written gradient right?"""

from collections.abc import Sequence

from attrs import field, frozen
from attrs.validators import optional

from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.cli.console import Console
from fmnist_jax.cli.plan import parse_plan
from fmnist_jax.config.fields import as_int, whole
from fmnist_jax.config.model import ModelConfig
from fmnist_jax.errors import UserError
from fmnist_jax.gradcheck.check import MAX_COUNT, CheckConfig, check
from fmnist_jax.gradcheck.report import Report, render
from fmnist_jax.runs.config import NAMES
from fmnist_jax.runs.presets.base import Plan
from fmnist_jax.scratch.mlp import MLPConfig


@frozen
class PlanCheck:
    """How the gradients of a run's networks are checked; the seed is that of the training."""

    images: int | None = field(
        default=None, converter=as_int, validator=optional(whole(1, MAX_COUNT))
    )
    """Random images in the batch; by default 2, and 8 with batch normalisation, which amplifies rounding
    where it has few values. With more images more entries cross a kink, and are left out."""
    entries: int = field(default=32, converter=as_int, validator=whole(1, MAX_COUNT))
    """Entries of each leaf checked by central differences: half are the largest, half are random."""
    json: bool = False
    """Print the reports as JSON."""


def main(arguments: Sequence[str]) -> int:
    """Check the gradient of the network that the first word names, by default an MLP; 1 if it is wrong."""
    if not arguments or arguments[0].startswith("-"):
        return call(gradcheck, "gradcheck", arguments, NAMES)
    return check_plan(*parse_plan("gradcheck", arguments, PlanCheck, "Check the gradient of"))


def gradcheck(model: MLPConfig, options: CheckConfig, json: bool = False) -> int:
    """Check the hand-written gradient of any MLP against jax.grad and central differences.

    `fmnist-jax gradcheck NETWORK` checks any network that fmnist-jax train takes, with the same options.

    Args:
        model: The network.
        options: The point at which it is checked.
        json: Print the report as JSON.
    """
    report = check_model(model, options)
    if json:
        print(json_text(report.to_dict()))
    else:
        Console(highlight=False).print(render(report))
    return 0 if report.passed else 1


def check_model(model: ModelConfig, options: CheckConfig) -> Report:
    """Check a network's gradient. Raises UserError for a batch with fewer images than it needs."""
    if options.batch_size < model.min_batch:
        raise UserError(
            f"batch normalisation needs at least {model.min_batch} images, found {options.batch_size}; "
            "check with a larger batch"
        )
    return check(model.hand_written(), options)


def check_plan(plan: Plan, options: PlanCheck) -> int:
    """Check the gradients of a run's networks, stage by stage."""
    reports = {
        stage.name: check_model(
            stage.model,
            CheckConfig(
                options.images or (2 if stage.model.min_batch == 1 else 8),
                options.entries,
                stage.training.seed,
            ),
        )
        for stage in plan.run.stages
    }
    passed = all(report.passed for report in reports.values())
    if options.json:
        stages = {name: report.to_dict() for name, report in reports.items()}
        print(json_text({"passed": passed, "stages": stages}))
    else:
        console = Console(highlight=False)
        for name, report in reports.items():
            console.print(f"{name}:", render(report))
    return 0 if passed else 1
