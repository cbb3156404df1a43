"""Promises that take too long for the test suite, proved on real processes (make prove-cache, make prove-imports)."""
