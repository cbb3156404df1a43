"""Log lines: in Azure a JSON object each on the container's output, locally as the host writes them.

Each says what was worked on (`work.py`) and in which trace. Levels: ERROR is for what somebody has to look at, WARNING
for what went on without a part of it or failed for one user, INFO for what was done.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import override

from shared.telemetry import work

# The loggers of the application; a library's own lines stay with whoever set them up.
APPLICATION = "shared"


class DescribesWork(logging.Filter):
    """Puts onto a record what is being worked on; what the line itself says stays."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in work.current.get().items():
            record.__dict__.setdefault(name, value)
        return True


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_trace(),
            **{name: value for name, value in vars(record).items() if name.startswith("catalog.")},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def write_json() -> None:
    """Writes the application's lines to the output as JSON from now on, instead of what the process does with them."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    handler.addFilter(DescribesWork())
    logger = logging.getLogger(APPLICATION)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False


def _trace() -> dict[str, str]:
    """The trace's id, where there is one: without telemetry nobody has loaded OpenTelemetry."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.is_valid else {}
