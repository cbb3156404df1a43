"""What a scenario says of a promise that doesn't hold."""

from __future__ import annotations


class BrokenPromiseError(Exception):
    """The message says what was promised and what came."""


def hold(*, true: bool, otherwise: str) -> None:
    """Raises BrokenPromiseError with that sentence unless it is true."""
    if not true:
        raise BrokenPromiseError(otherwise)
