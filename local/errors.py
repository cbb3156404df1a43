"""The error that the local cloud's commands report."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The local cloud can't do what you asked. The message says why, and what to do."""
