"""The host's log on stdout: one line for each record, with the name of the running function.

`12:00:00.000 INFO    start_import: imports/products.csv received`; outside an invocation it is the logger's name.
"""

from __future__ import annotations

import logging
import sys

from azure_functions_runtime import invocation_id_cv

# The function's name for the id of each running invocation. The runtime sets the id in the context of an asynchronous
# function and in the thread of a synchronous one.
running_functions: dict[str, str] = {}

# At INFO the runtime logs its whole index, and the SDK each request with its headers.
_VERBOSE_LOGGERS = ("azure", "uvicorn")


class _FunctionFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.source = running_functions.get(invocation_id_cv.get(), record.name)
        return super().format(record)


def configure(level: int, *, log_requests: bool) -> None:
    """Logs to stdout from `level` on; `log_requests` adds a line for each request."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # typeshed: sys.stdout may be replaced
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        _FunctionFormatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(source)s: %(message)s", "%H:%M:%S")
    )
    logging.basicConfig(level=level, handlers=[handler])
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("uvicorn.access").setLevel(logging.INFO if log_requests else logging.WARNING)
