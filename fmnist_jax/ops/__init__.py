"""Fast 2-D convolutions and poolings; the algorithm is chosen by platform and by shape (`dispatch`)."""
