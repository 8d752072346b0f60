"""How any experiment runs: specification, runner, store."""
