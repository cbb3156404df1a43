"""The cache under races, kills and a Redis in trouble (`make prove-cache`); tests/cache runs short forms of it."""
