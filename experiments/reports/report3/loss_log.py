"""Report 3's loss log, and its scale: sums over the batches of one size, divided by the number of another."""

from experiments.reports.reported import LOGS

BATCHES, DIVISOR = 600, 938
"""Batches of 100 of the 60,000 images, and of 64: the report divides the sum over the former by the latter."""


def in_reports_scale(loss: float, batches: int) -> float:
    """A mean loss as the report prints it."""
    return loss * batches / DIVISOR


PRINTED: list[float] = LOGS["report_3_lenet_batch_100"]["approximated_loss_by_epoch"]
REPORTED_LOSSES = [value * DIVISOR / BATCHES for value in PRINTED]
"""By epoch, as means."""
