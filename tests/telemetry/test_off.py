"""Telemetry that is off costs nothing: nothing of it is loaded, stands in a request's way or runs beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from local.processes import PROJECT
from testkit.ingestion import ingestion

_LOADED = "import sys, {modules}; print(*sorted(name for name in sys.modules if name.startswith({prefix!r})))"


def _loaded(modules: str, prefix: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APPLICATIONINSIGHTS")}
    process = subprocess.run(
        [sys.executable, "-c", _LOADED.format(modules=modules, prefix=prefix)],
        cwd=PROJECT,
        env={**environment, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return process.stdout.strip()


def test_the_app_loads_nothing_of_opentelemetry() -> None:
    assert _loaded("function_app", "opentelemetry") == ""


def test_all_its_endpoints_load_no_part_that_traces_or_sends() -> None:
    # FastAPI and redis-py load its interfaces, and the SDK for metrics, by themselves where they are installed.
    modules = "function_app, shared.api, shared.cache.store, shared.catalog.service, shared.imports.service"
    for part in ("opentelemetry.sdk.trace", "opentelemetry.instrumentation", "azure.monitor"):
        assert _loaded(modules, part) == ""


# What of telemetry there is in a process that has answered a request.
_ANSWERS = """
import asyncio, json, logging, sys, threading
import httpx
from shared.api import create_app
from shared.services import Services
from shared.settings import load_settings
from shared.telemetry import metrics, spans
from shared.telemetry.start import seen, start_telemetry

start_telemetry(load_settings())
app = create_app(Services(load_settings()))

async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        return (await client.get("/api/health/live")).status_code

print(json.dumps({
    "status": asyncio.run(ask()),
    "a layer of its own": seen(app) is not app,
    "a span for each piece of work": spans.span("one") is not spans.span("two"),
    "requests counted": bool(list(metrics.REQUESTS.observed())),
    "log handlers": bool(logging.getLogger("shared").handlers),
    "threads": any("Otel" in thread.name for thread in threading.enumerate()),
    "tracing loaded": any(name.startswith(("opentelemetry.sdk.trace", "azure.monitor")) for name in sys.modules),
}))
"""


def _answering(environment: Mapping[str, str]) -> dict[str, object]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("APPLICATIONINSIGHTS")}
    process = subprocess.run(
        [sys.executable, "-c", _ANSWERS],
        cwd=PROJECT,
        env={**inherited, "AZURE_FUNCTIONS_ENVIRONMENT": "Development", **environment},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, object] = json.loads(process.stdout)
    assert found.pop("status") == 200
    return found


def test_nothing_of_it_is_in_a_requests_way_or_runs_beside_it() -> None:
    assert not any(_answering({}).values())
    with ingestion() as endpoint:  # and each of these is there where it is on
        assert all(_answering(endpoint.environment).values())
