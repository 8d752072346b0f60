"""Networks: their descriptions, the Flax modules, and the pure functions that training takes."""
