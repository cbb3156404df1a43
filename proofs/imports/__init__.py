"""Imports that are killed, cut off, of full size, and many at once (`make prove-imports`)."""
