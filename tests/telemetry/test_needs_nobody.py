"""What needs nobody is no error: nothing that the app has a way on from is posted as an exception."""

from __future__ import annotations

from pathlib import Path

import redis

from testkit.ingestion import Item, ingestion, trace_of
from tests.telemetry.conftest import Watched
from tests.telemetry.serving import instance

_WRONG = {"email": "nobody@example.org", "password": "never was one"}


def _of_trace(watched: Watched, trace: str, kind: str) -> list[Item]:
    """What was posted of Redis (or HTTP) in a trace, once its request's own span was, which ends last."""
    watched.posted.wait_for(
        lambda: [item for item in watched.posted.of("dependencies", type="InProc") if trace_of(item) == trace]
    )
    return [item for item in watched.posted.of("dependencies", type=kind) if trace_of(item) == trace]


def test_a_redis_that_first_meets_the_throttling_script_is_no_error(watched: Watched) -> None:
    with redis.Redis.from_url(watched.cloud.run.redis) as client:
        client.script_flush()
    reply = watched.cloud.api.post("/api/auth/login", json=_WRONG)
    assert reply.status_code == 401
    asked = _of_trace(watched, reply.headers["X-Request-ID"], "redis")
    # Left for the e-mail and for the address, then both counted.
    assert [(item["data"]["baseData"]["name"], item["data"]["baseData"]["success"]) for item in asked] == [
        ("EVALSHA", True)
    ] * 4
    assert watched.posted.of("exceptions") == []


def test_a_firebase_that_is_away_is_a_failed_call_and_no_exception(tmp_path: Path, valkey: str) -> None:
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
