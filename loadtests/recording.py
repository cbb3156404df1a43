"""Records every request of a run. The figures of the page come from this file."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import IO, Any

FIELDS = ("began", "operation", "milliseconds", "status", "cache", "error")


class Recording:
    """A CSV of FIELDS: `began` in Unix seconds, `cache` the reply's X-Cache, `error` empty for a success."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._rows = csv.writer(file)
        self._rows.writerow(FIELDS)

    @classmethod
    def at_environment(cls, events: Any) -> Recording | None:  # noqa: ANN401 - Locust's, untyped
        """Records the run into the file that LOAD_RAW names; None if it isn't set."""
        path = os.environ.get("LOAD_RAW")
        if path is None:
            return None
        recording = cls(Path(path).open("w", newline="", encoding="utf-8"))  # noqa: SIM115 - closed when Locust quits
        events.request.add_listener(recording.request)
        events.user_error.add_listener(recording.user_error)
        events.quitting.add_listener(recording.close)
        return recording

    def request(
        self,
        *,
        name: str,
        response_time: float,
        start_time: float,
        response: Any,  # noqa: ANN401 - of Locust's client
        exception: BaseException | None,
        **_: object,
    ) -> None:
        """Records a request that Locust reports, in milliseconds and Unix seconds."""
        status = response.status_code if response is not None else 0
        headers = getattr(response, "headers", None) or {}
        cache = headers.get("x-cache") or ""
        self._rows.writerow(
            (f"{start_time:.3f}", name, f"{response_time:.3f}", status, cache, "" if exception is None else exception)
        )

    def user_error(self, *, user_instance: Any, exception: BaseException, **_: object) -> None:  # noqa: ANN401 - Locust's
        """Records an error of a user class, which Locust itself doesn't count."""
        user_instance.environment.process_exit_code = 1
        name = type(user_instance).__name__
        self._rows.writerow((f"{time.time():.3f}", name, "0", 0, "", f"{type(exception).__name__}: {exception}"))

    def close(self, **_: object) -> None:
        """Closes the file at the end of the run."""
        self._file.close()
