"""Report 3's loss log, and its scale: sums over the batches of one size, divided by the number of another."""

from experiments.reports.reported import LOGS

BATCHES, DIVISOR = 600, 938
"""Batches of 100 images of the 60,000, and of 64: the report divides the sum of the former by the latter."""

SCALE = DIVISOR / BATCHES
"""From the report's scale to the mean over images."""

PRINTED: list[float] = LOGS["report_3_lenet_batch_100"]["approximated_loss_by_epoch"]
REPORTED_LOSSES = [value * SCALE for value in PRINTED]
"""By epoch, as means."""
