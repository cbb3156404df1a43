"""Log lines as JSON: what was worked on, in which trace, and an exception's stack."""

from __future__ import annotations

import io
import json
import logging

from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

from shared.telemetry import work
from shared.telemetry.logs import DescribesWork, JsonLines


def test_a_line_is_an_object_with_the_work_and_the_trace() -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonLines())
    handler.addFilter(DescribesWork())
    logger = logging.Logger("shared.imports.workflow")  # noqa: LOG001  # of its own
    logger.addHandler(handler)
    with use_span(NonRecordingSpan(SpanContext(255, 1, is_remote=False))), work.on(operation="start_import"):
        with work.on(import_id="one", run_id="seven"):
            logger.warning("rows\n%d", 2, extra={work.IMPORT_STATUS: "failed"})
        try:
            int("none")
        except ValueError:
            logger.exception("no more")
    told, failed = map(json.loads, output.getvalue().splitlines())
    assert told["message"] == "rows\n2"
    assert (told["level"], told["logger"], told["trace_id"]) == ("WARNING", "shared.imports.workflow", f"{255:032x}")
    assert told["catalog.operation"] == "start_import"
    assert (told["catalog.import_id"], told["catalog.run_id"]) == ("one", "seven")
    assert told["catalog.import_status"] == "failed"
    assert "ValueError: invalid literal" in failed["exception"]
    assert "catalog.import_id" not in failed
