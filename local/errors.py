"""What can go wrong for a person at the command line."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The local cloud can't do what was asked; the message is a sentence that says why, and what to do."""
