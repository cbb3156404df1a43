"""Promises that take too long for the test suite, each proved on a local cloud of its own (make prove-imports)."""
