"""The page of results: `build.build` draws it from `experiments/results/` alone."""
