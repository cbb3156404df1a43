"""No request fails or waits if the ingestion endpoint is away, slow or broken; an exception posts its stack."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from testkit.ingestion import dimensions, ingestion, trace_of
from tests.telemetry.conftest import FIELDS
from tests.telemetry.serving import instance

_REQUESTS = 60
_FIELDS = FIELDS["exceptions"]["dimensions"]
_SLOW_SECONDS = 20.0


def _away(environment: dict[str, str]) -> dict[str, str]:
    connection = environment["APPLICATIONINSIGHTS_CONNECTION_STRING"]
    return environment | {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"{connection.rpartition(':')[0]}:1/"}


def _longest_request(client: httpx.Client) -> float:
    """The longest duration of many requests, each of which must succeed."""
    longest = 0.0
    for number in range(_REQUESTS):
        began = time.monotonic()
        assert client.get(f"/api/products?limit={number % 9 + 1}").status_code == 200
        longest = max(longest, time.monotonic() - began)
    return longest


@pytest.mark.parametrize("trouble", [{"delay": _SLOW_SECONDS}, {"answer": 500}, {}], ids=["slow", "broken", "away"])
def test_no_request_waits_or_fails_with_a_faulty_endpoint(
    tmp_path: Path, valkey: str, trouble: dict[str, float]
) -> None:
    with ingestion() as endpoint:
        vars(endpoint).update(trouble)
        environment = endpoint.environment if trouble else _away(endpoint.environment)
        with instance(tmp_path, valkey, {**environment, "TELEMETRY_SAMPLING_RATIO": "1"}) as client:
            _longest_request(client)
            if trouble:
                endpoint.wait_for(lambda: endpoint.bodies)  # the exporter is sending
            assert _longest_request(client) < _SLOW_SECONDS / 2


def test_an_unexpected_exception_is_posted_once_with_its_stack_and_a_failed_span(tmp_path: Path, valkey: str) -> None:
    with (
        ingestion() as endpoint,
        instance(tmp_path, valkey, {**endpoint.environment, "TELEMETRY_SAMPLING_RATIO": "1"}) as client,
    ):
        reply = client.get("/api/products/B000000001")
        assert reply.status_code == 500
        trace = reply.headers["X-Request-ID"]
        (exception,) = endpoint.wait_for(
            lambda: [item for item in endpoint.of("exceptions") if trace_of(item) == trace]
        )
        (details,) = exception["data"]["baseData"]["exceptions"]
        assert details["typeName"] == "RuntimeError"
        assert "in stumble" in details["stack"]
        posted = dimensions(exception)
        assert posted["catalog.operation"] == "get_product"
        assert sorted(name for name in posted if name.startswith(("catalog.", "logger"))) == _FIELDS
        assert "B000000001" not in str(exception), "the route is posted, and not the path"
        spans = endpoint.wait_for(lambda: endpoint.of("dependencies", name="GET /api/products/{asin}"))
        assert [(trace_of(item), item["data"]["baseData"]["success"]) for item in spans] == [(trace, False)]


def test_errors_are_posted_although_no_trace_is_sampled(tmp_path: Path, valkey: str) -> None:
    with (
        ingestion() as endpoint,
        instance(tmp_path, valkey, {**endpoint.environment, "TELEMETRY_SAMPLING_RATIO": "0"}) as client,
    ):
        trace = client.get("/api/products/B000000001").headers["X-Request-ID"]
        endpoint.wait_for(lambda: [item for item in endpoint.of("exceptions") if trace_of(item) == trace])
        endpoint.wait_for(lambda: endpoint.of("customMetrics"))
        assert endpoint.of("dependencies") == []
