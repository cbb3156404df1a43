"""What an import costs beside SQLite's own: `make bench ONLY=imports` (docs/benchmarks.md)."""
