"""The one loop that waits for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable

_PAUSE_SECONDS = 0.05


def wait_until[T](
    condition: Callable[[], T | None],
    promise: str,
    seconds: float = 60.0,
    *,
    transient: tuple[type[Exception], ...] = (),
) -> T:
    """Evaluates a condition until its value is true, and returns that value.

    Args:
        condition: what is evaluated.
        promise: a clause that says what becomes true, for the error.
        seconds: the deadline.
        transient: exceptions of the condition that mean "not yet".

    Raises:
        TimeoutError: the condition isn't true at the deadline.
    """
    deadline = time.monotonic() + seconds
    last_error: Exception | None = None
    while True:
        try:
            if value := condition():
                return value
        except transient as error:
            last_error = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"Expected within {seconds:g} s: {promise}.") from last_error
        time.sleep(_PAUSE_SECONDS)
