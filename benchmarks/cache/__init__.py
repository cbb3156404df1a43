"""What the cache's promises cost, beside what others cost: `make bench ONLY=cache` (docs/benchmarks.md)."""
