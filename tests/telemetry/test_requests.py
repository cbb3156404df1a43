"""What a request posts, in the whole local cloud with all traces sampled."""

from __future__ import annotations

import re
import secrets
from typing import Any

import httpx
import pytest

from shared.operations import OPERATIONS, Operation
from testkit.ingestion import Item, dimensions, name_of, parent_of, trace_of
from tests.telemetry.conftest import Watched


def send(watched: Watched, method: str, path: str, **more: Any) -> tuple[httpx.Response, str, str]:
    """A reply, and the ids of the client's trace and span."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    reply = watched.cloud.api.request(method, path, headers={"traceparent": f"00-{trace}-{span}-01"}, **more)
    return reply, trace, span


def posted_of(watched: Watched, trace: str, dependencies: int = 1) -> tuple[list[Item], list[Item]]:
    """The requests and dependencies of a trace; waits for this number of dependencies."""

    def look() -> tuple[list[Item], list[Item]] | None:
        requests = [item for item in watched.posted.of("requests") if trace_of(item) == trace]
        below = [item for item in watched.posted.of("dependencies") if trace_of(item) == trace]
        heads = {item["data"]["baseData"]["id"] for item in requests}
        # The worker's span ends last and may be posted separately.
        is_whole = len(below) >= dependencies and any(parent_of(item) in heads for item in below)
        return (requests, below) if is_whole else None

    return watched.posted.wait_for(look)


@pytest.mark.parametrize(
    ("asked", "status", "name", "operation"),
    [
        (("GET", "/api/categories"), 200, "GET api/categories", "list_categories"),
        (("GET", "/api/products?limit=7"), 200, "GET api/products", "list_products"),
        (("GET", "/api/products/B0NOBODYHA"), 404, "GET api/products/{asin}", "get_product"),
        (("DELETE", "/api/products/B0NOBODYHA"), 404, "DELETE api/products/{asin}", "delete_product"),
        (("POST", "/api/products"), 422, "POST api/products", "insert_product"),
        (("GET", "/api/auth/me"), 200, "GET api/auth/me", "get_me"),
        (
            ("GET", "/api/imports/00000000-0000-0000-0000-000000000000/rejects"),
            404,
            "GET api/imports/{import_id}/rejects",
            "list_rejects",
        ),
        (("GET", "/api/health/live"), 200, "GET api/health/live", "health_live"),
        (("GET", "/api/nowhere/S3CRET"), 404, "GET api/{*path}", "other"),
    ],
)
def test_an_operation_is_one_request_with_the_workers_span_below(
    watched: Watched, asked: tuple[str, str], status: int, name: str, operation: str
) -> None:
    method, path = asked
    body = {"json": {"title": "no asin"}} if method == "POST" else {}
    reply, trace, span = send(watched, method, path, **body)
    assert reply.status_code == status
    (request,), below = posted_of(watched, trace)
    data = request["data"]["baseData"]
    assert (data["name"], data["responseCode"], data["success"]) == (name, str(status), status < 400)
    assert parent_of(request) == span
    assert data["duration"] > "0.00:00:00.000"
    (work,) = [item for item in below if parent_of(item) == data["id"]]
    assert work["data"]["baseData"]["type"] == "InProc"
    assert dimensions(work)["catalog.operation"] == operation
    assert work["data"]["baseData"]["duration"] <= data["duration"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.name))
def test_each_operation_is_named_by_its_route(watched: Watched, operation: Operation) -> None:
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    # Without a token and with wrong values: every reply has the operation's name.
    url = watched.cloud.api.base_url.join("/api" + re.sub(r"{\w+}", "7", operation.path))
    reply = httpx.request(operation.method, url, headers=headers, timeout=60)
    (request,), below = posted_of(watched, trace)
    assert name_of(request) == f"{operation.method} api{operation.path}"
    assert request["data"]["baseData"]["responseCode"] == str(reply.status_code)
    (work,) = [item for item in below if parent_of(item) == request["data"]["baseData"]["id"]]
    assert name_of(work) == f"{operation.method} /api{operation.path}"
    assert dimensions(work)["catalog.operation"] == operation.name


def test_a_timers_run_is_one_request_with_its_work_below(watched: Watched) -> None:
    def look() -> tuple[Item, Item] | None:
        runs = {
            item["data"]["baseData"]["id"]: item for item in watched.posted.of("requests", name="reconcile_imports")
        }
        works = watched.posted.of("dependencies", name="reconcile_imports")
        return next(((runs[parent_of(item)], item) for item in works if parent_of(item) in runs), None)

    run, work = watched.posted.wait_for(look)
    assert trace_of(run) == trace_of(work)
    assert dimensions(run)["faas.trigger"] == "timer"
    assert dimensions(work)["catalog.operation"] == "reconcile_imports"


def test_a_miss_has_redis_and_sql_below_it_and_a_hit_is_one_span(watched: Watched) -> None:
    path = f"/api/products?min_price={secrets.randbelow(10**6)}"
    send(watched, "GET", path)  # fills the cache
    reply, trace, _ = send(watched, "GET", path)
    assert reply.headers["X-Cache"] == "HIT"
    _, below = posted_of(watched, trace)
    assert [(name_of(item), dimensions(item)["catalog.cache"]) for item in below] == [("GET /api/products", "hit")]
    watched.cloud.api.get(f"/api/products?max_price={secrets.randbelow(10**6)}")
    reply, trace, _ = send(watched, "GET", f"/api/products?max_price={secrets.randbelow(10**6)}&limit=3")
    assert reply.headers["X-Cache"] == "MISS"
    (request,), below = posted_of(watched, trace, 4)
    (work,) = [item for item in below if parent_of(item) == request["data"]["baseData"]["id"]]
    assert dimensions(work)["catalog.cache"] == "miss"
    inside = [item for item in below if parent_of(item) == work["data"]["baseData"]["id"]]
    kinds = {(item["data"]["baseData"]["type"], name_of(item)) for item in inside}
    assert {("redis", "MGET"), ("redis", "SET"), ("SQL", "SELECT")} <= kinds


def test_a_clients_trace_continues_and_a_new_one_is_the_request_id(watched: Watched) -> None:
    reply, trace, _ = send(watched, "GET", "/api/categories")
    assert reply.headers["X-Request-ID"] == trace
    fresh = watched.cloud.api.get("/api/categories").headers["X-Request-ID"]
    assert len(fresh) == 32
    (request,), _ = posted_of(watched, fresh)
    assert not parent_of(request)
    reply, trace, _ = send(watched, "GET", "/api/health/ready")
    own = watched.cloud.api.get("/api/categories", headers={"X-Request-ID": "mine"})
    assert own.headers["X-Request-ID"] == "mine"
