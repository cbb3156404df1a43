"""Imports: killed, at full size, cut, by the thousand (`make prove-imports`)."""
