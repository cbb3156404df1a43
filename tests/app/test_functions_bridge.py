"""A function's invocation gets the application's reply."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import azure.functions as func
import pytest

from shared.api import create_app
from shared.azure.functions_bridge import FunctionsBridge
from shared.services import Services
from testkit.serving import catalog_settings

# The bridge doesn't use the context.
_CONTEXT = cast("func.Context", None)


def answer(services: Services, method: str, path: str, **headers: str) -> func.HttpResponse:
    request = func.HttpRequest(method, f"http://example.org{path}", headers=headers, body=b"")

    async def run() -> func.HttpResponse:
        try:
            return await FunctionsBridge(lambda: create_app(services)).handle(request, _CONTEXT)
        finally:
            await services.close()

    return asyncio.run(run())


@pytest.fixture
def services(tmp_path: Path, valkey: str) -> Services:
    return Services(catalog_settings(tmp_path, valkey))


def test_a_path_that_is_not_utf8_is_refused_with_the_clients_request_id(services: Services) -> None:
    reply = answer(services, "GET", "/api/products/%FF", **{"X-Request-ID": "mine"})
    assert reply.status_code == 400
    assert reply.mimetype == "application/problem+json"
    assert json.loads(reply.get_body())["detail"] == "The path: expected percent-encoded UTF-8, got other bytes."
    assert reply.headers["x-request-id"] == "mine"


def test_a_refused_path_has_the_trace_id_as_request_id(services: Services) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = answer(services, "HEAD", "/api/products/%FF", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert (reply.status_code, reply.get_body()) == (400, b"")
    assert reply.headers["x-request-id"] == trace
