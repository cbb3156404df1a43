"""What the host writes: one line per record on stdout, with the function it belongs to.

`12:00:00.000 INFO    start_import: imports/products.csv received`; outside of an invocation the logger's name stands
there.
"""

from __future__ import annotations

import logging
import sys

from azure_functions_runtime import invocation_id_cv

# The invocations under way: invocation id to the function's name. The runtime sets the id in the context of an async
# function and in the thread of a sync one, so that a record knows its function in both.
running_functions: dict[str, str] = {}

# These tell of their own inner life at INFO: the runtime its whole index, the SDK each request and its headers.
_TALKATIVE = ("azure", "uvicorn")


class _FunctionFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.source = running_functions.get(invocation_id_cv.get(), record.name)
        return super().format(record)


def configure(level: int, *, log_requests: bool) -> None:
    """Sends all logging to stdout, from `level` on; `log_requests` adds a line per request."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # typeshed: sys.stdout may be replaced
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        _FunctionFormatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(source)s: %(message)s", "%H:%M:%S")
    )
    logging.basicConfig(level=level, handlers=[handler])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("uvicorn.access").setLevel(logging.INFO if log_requests else logging.WARNING)
