"""The metrics of rare events, as the real exporter posts them: a retry, a shared query, throttled log-ins."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from testkit.ingestion import Ingestion, dimensions, ingestion, name_of
from tests.telemetry.conftest import FIELDS
from tests.telemetry.serving import instance

_AT_ONCE = 24
_PER_EMAIL, _PER_ADDRESS = 10, 50


@dataclass(frozen=True)
class Busy:
    """An instance under load, and what it posts."""

    client: httpx.Client
    posted: Ingestion

    def posted_counts(self, metric: str) -> Counter[str]:
        """A counter's posted total by its only label; each post has the increase since the last one."""
        sums: Counter[str] = Counter()
        for item in self.posted.of("customMetrics"):
            if name_of(item) == metric:
                labels = dimensions(item)
                assert sorted(labels) == FIELDS["customMetrics"][metric]
                value = item["data"]["baseData"]["metrics"][0]["value"]
                sums[next(iter(labels.values()), "")] += int(value)
        return sums


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, valkey: str, auth_emulator: str) -> Iterator[Busy]:
    folder = tmp_path_factory.mktemp("busy")
    with ingestion() as endpoint:
        environment = {**endpoint.environment, "FIREBASE_AUTH_EMULATOR_HOST": auth_emulator}
        with instance(folder, valkey, environment, "create_on_a_busy_database") as client:
            yield Busy(client, endpoint)


def test_a_deadlock_victim_is_one_retry(busy: Busy) -> None:
    assert busy.client.get("/api/products/B000000001").status_code == 404
    busy.posted.wait_for(lambda: busy.posted_counts("catalog.sql.retries"))
    assert busy.posted_counts("catalog.sql.retries") == {"victim": 1}
    # The retry succeeded, so there is no error.
    assert busy.posted.of("exceptions") == []


async def _get_at_once(client: httpx.Client, path: str) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=client.base_url, timeout=60) as many:
        return await asyncio.gather(*(many.get(path) for _ in range(_AT_ONCE)))


def test_misses_that_share_a_query_are_counted(busy: Busy) -> None:
    metric = "catalog.cache.joined_flights"

    def joined() -> bool:
        replies = asyncio.run(_get_at_once(busy.client, f"/api/products?min_price={secrets.randbelow(10**6)}"))
        assert {reply.status_code for reply in replies} == {200}
        return bool(busy.posted_counts(metric))

    busy.posted.wait_for(joined)
    assert busy.posted_counts(metric)[""] > 0


def _fail(busy: Busy, email: str, address: str) -> int:
    credentials = {"email": email, "password": "none of them"}
    return busy.client.post("/api/auth/login", json=credentials, headers={"X-Forwarded-For": address}).status_code


def test_throttled_log_ins_are_counted_by_their_limit(busy: Busy) -> None:
    metric = "catalog.throttled_log_ins"
    email = f"{secrets.token_hex(8)}@example.org"
    by_email = [_fail(busy, email, f"192.0.2.{number}") for number in range(_PER_EMAIL + 3)]
    assert by_email == [401] * _PER_EMAIL + [429] * 3
    address = f"2001:db8::{secrets.token_hex(2)}"
    by_address = [_fail(busy, f"{secrets.token_hex(8)}@example.org", address) for _ in range(_PER_ADDRESS + 2)]
    assert by_address == [401] * _PER_ADDRESS + [429] * 2
    busy.posted.wait_for(lambda: busy.posted_counts(metric) == {"email": 3, "address": 2})
    for body in list(busy.posted.bodies):
        assert email.encode() not in body
        assert address.encode() not in body
