"""From a function's invocation to the application and back."""

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

# The bridge uses nothing of an invocation's context.
_CONTEXT = cast("func.Context", None)


def answer(services: Services, method: str, path: str, **headers: str) -> func.HttpResponse:
    asked = func.HttpRequest(method, f"http://example.org{path}", headers=headers, body=b"")

    async def ask() -> func.HttpResponse:
        try:
            return await FunctionsBridge(lambda: create_app(services)).handle(asked, _CONTEXT)
        finally:
            await services.close()

    return asyncio.run(ask())


@pytest.fixture
def services(tmp_path: Path, valkey: str) -> Services:
    return Services(catalog_settings(tmp_path, valkey))


def test_a_path_that_is_not_utf8_is_a_problem_with_the_clients_request_id(services: Services) -> None:
    reply = answer(services, "GET", "/api/products/%FF", **{"X-Request-ID": "mine"})
    assert reply.status_code == 400
    assert reply.mimetype == "application/problem+json"
    assert json.loads(reply.get_body())["detail"] == "The path: expected percent-encoded UTF-8, got other bytes."
    assert reply.headers["x-request-id"] == "mine"


def test_without_an_id_such_a_path_s_reply_has_the_trace_s_or_a_fresh_one(services: Services) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = answer(services, "HEAD", "/api/products/%FF", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert (reply.status_code, reply.get_body()) == (400, b"")
    assert reply.headers["x-request-id"] == trace
