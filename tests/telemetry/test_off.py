"""Telemetry that is off costs nothing: none of it is loaded, handles requests or runs in a thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from local import PROJECT
from testkit.ingestion import ingestion

_LOADED = "import sys, {modules}; print(*sorted(name for name in sys.modules if name.startswith({prefix!r})))"


def _printed(code: str, environment: Mapping[str, str]) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("APPLICATIONINSIGHTS")}
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**inherited, "AZURE_FUNCTIONS_ENVIRONMENT": "Development", **environment},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return process.stdout.strip()


def test_the_app_doesnt_load_opentelemetry() -> None:
    assert _printed(_LOADED.format(modules="function_app", prefix="opentelemetry"), {}) == ""


def test_the_endpoints_load_nothing_that_traces_or_exports() -> None:
    # FastAPI and redis-py themselves load OpenTelemetry's interfaces and its metrics SDK.
    modules = "function_app, shared.api, shared.cache.store, shared.catalog.service, shared.imports.service"
    for part in ("opentelemetry.sdk.trace", "opentelemetry.instrumentation", "azure.monitor"):
        assert _printed(_LOADED.format(modules=modules, prefix=part), {}) == ""


# Which parts of telemetry a process has after a request.
_ANSWERS = """
import asyncio, json, logging, sys, threading
import httpx
from shared.api import create_app
from shared.services import Services
from shared.settings import load_settings
from shared.telemetry import metrics, spans
from shared.telemetry.start import instrumented, start_telemetry

start_telemetry(load_settings())
app = create_app(Services(load_settings()))

async def get_live():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        return (await client.get("/api/health/live")).status_code

print(json.dumps({
    "status": asyncio.run(get_live()),
    "middleware": instrumented(app) is not app,
    "a span for each call": spans.span("one") is not spans.span("two"),
    "requests counted": bool(list(metrics.REQUESTS.observed())),
    "log handlers": bool(logging.getLogger("shared").handlers),
    "threads": any("Otel" in thread.name for thread in threading.enumerate()),
    "tracing loaded": any(name.startswith(("opentelemetry.sdk.trace", "azure.monitor")) for name in sys.modules),
}))
"""


def _answering(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(_printed(_ANSWERS, environment))
    assert found.pop("status") == 200
    return found


def test_without_a_connection_string_no_part_of_telemetry_is_there() -> None:
    assert not any(_answering({}).values())
    with ingestion() as endpoint:  # with one, every part is there
        assert all(_answering(endpoint.environment).values())
