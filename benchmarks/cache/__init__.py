"""The cost of the cache relative to other caches: `make bench ONLY=cache` (docs/benchmarks.md)."""
