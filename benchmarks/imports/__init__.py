"""The cost of an import relative to SQLite's own: `make bench ONLY=imports` (docs/benchmarks.md)."""
