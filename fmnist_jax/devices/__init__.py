"""Programs that run on many devices, and on many hosts."""
