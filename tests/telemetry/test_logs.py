"""Log lines as JSON: the attributes of the work, the trace id, and an exception's stack."""

from __future__ import annotations

import io
import json
import logging

from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

from shared.telemetry import work
from shared.telemetry.logs import JsonFormatter, WorkFilter


def test_a_log_line_is_a_json_object_with_the_work_and_the_trace() -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(WorkFilter())
    logger = logging.Logger("shared.imports.workflow")  # noqa: LOG001  # a logger that only this test uses
    logger.addHandler(handler)
    with use_span(NonRecordingSpan(SpanContext(255, 1, is_remote=False))), work.on(operation="start_import"):
        with work.on(import_id="one", run_id="seven"):
            logger.warning("rows\n%d", 2, extra={work.IMPORT_STATUS: "failed"})
        try:
            int("none")
        except ValueError:
            logger.exception("no more")
    logged, failed = map(json.loads, output.getvalue().splitlines())
    assert logged["message"] == "rows\n2"
    assert (logged["level"], logged["logger"], logged["trace_id"]) == (
        "WARNING",
        "shared.imports.workflow",
        f"{255:032x}",
    )
    assert logged["catalog.operation"] == "start_import"
    assert (logged["catalog.import_id"], logged["catalog.run_id"]) == ("one", "seven")
    assert logged["catalog.import_status"] == "failed"
    assert "ValueError: invalid literal" in failed["exception"]
    assert "catalog.import_id" not in failed
