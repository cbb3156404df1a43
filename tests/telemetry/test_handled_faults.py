"""A fault that the app handles is not posted as an exception."""

from __future__ import annotations

from pathlib import Path

import redis

from testkit.ingestion import Item, ingestion, trace_of
from tests.telemetry.conftest import Watched
from tests.telemetry.serving import instance

_WRONG = {"email": "nobody@example.org", "password": "never was one"}


def _of_trace(watched: Watched, trace: str, kind: str) -> list[Item]:
    """The posted calls of Redis or HTTP in a trace; waits for the request's own span, which ends last."""
    watched.posted.wait_for(
        lambda: [item for item in watched.posted.of("dependencies", type="InProc") if trace_of(item) == trace]
    )
    return [item for item in watched.posted.of("dependencies", type=kind) if trace_of(item) == trace]


def test_a_redis_that_doesnt_know_the_throttling_script_yet_is_no_error(watched: Watched) -> None:
    with redis.Redis.from_url(watched.cloud.run.redis) as client:
        client.script_flush()
    reply = watched.cloud.api.post("/api/auth/login", json=_WRONG)
    assert reply.status_code == 401
    calls = _of_trace(watched, reply.headers["X-Request-ID"], "redis")
    # Both limits are checked, then both are counted.
    assert [(item["data"]["baseData"]["name"], item["data"]["baseData"]["success"]) for item in calls] == [
        ("EVALSHA", True)
    ] * 4
    assert watched.posted.of("exceptions") == []


def test_an_unreachable_firebase_is_a_failed_call_and_no_exception(tmp_path: Path, valkey: str) -> None:
    with (
        ingestion() as endpoint,
        instance(tmp_path, valkey, {**endpoint.environment, "TELEMETRY_SAMPLING_RATIO": "1"}) as client,
    ):
        reply = client.post("/api/auth/login", json=_WRONG)
        assert reply.status_code == 503
        calls = endpoint.wait_for(lambda: endpoint.of("dependencies", type="HTTP"))
        assert [item["data"]["baseData"]["success"] for item in calls] == [False]
        endpoint.wait_for(lambda: endpoint.of("dependencies", name="POST /api/auth/login"))
        assert endpoint.of("exceptions") == []
