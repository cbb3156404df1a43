"""The cache under races, kills and faults of Redis (`make prove-cache`). tests/cache runs short forms of it."""
