"""Log lines: JSON objects on the container's output in Azure, the host's own format locally.

Each line has the attributes of the current work (`work.py`) and the trace id. ERROR is for faults that a person has to
look at. WARNING is for work that went on in a degraded way or failed for one user. INFO is for what was done.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import override

from shared.telemetry import work

# Name of the application's root logger. Lines of libraries aren't changed.
APPLICATION = "shared"


class WorkFilter(logging.Filter):
    """Adds the attributes of the current work to a record, unless the record has them."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in work.current.get().items():
            record.__dict__.setdefault(name, value)
        return True


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

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
    """Writes the application's log lines to stdout as JSON, and only there."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(WorkFilter())
    logger = logging.getLogger(APPLICATION)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False


def _trace() -> dict[str, str]:
    """The trace id, if any; without telemetry OpenTelemetry isn't loaded."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.is_valid else {}
