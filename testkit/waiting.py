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

    After the deadline it raises TimeoutError with the promise, a clause that says what should become true.
    A `transient` exception of the condition means "not yet".
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
