"""Fast convolutions and poolings, chosen by platform."""
