"""Speed compared with peers: other ways to train the same networks; see `docs/benchmarks.md`."""
