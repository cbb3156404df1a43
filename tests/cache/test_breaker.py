"""The circuit breaker: when Redis is used again."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from shared.cache import breaker
from shared.cache.breaker import CircuitBreaker, State

_PATIENT = 10.0


def no_metric(_severity: int) -> None:
    pass


def test_a_write_that_fails_while_the_outbox_is_applied_keeps_the_breaker_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "_PROBE_SECONDS", 0.01)

    async def trouble() -> None:
        runs: list[State] = []
        is_seen = asyncio.Event()

        async def probe() -> None:
            pass

        async def catch_up() -> None:
            runs.append(redis.state)
            if len(runs) == 1:
                redis.open(OSError("a write whose tags were recorded after the outbox was read"))
            else:
                is_seen.set()

        redis = CircuitBreaker(probe, catch_up, no_metric)
        redis.open(OSError("away"))
        # It closes only after a second run, which sees that write's tags.
        await asyncio.wait_for(is_seen.wait(), _PATIENT)
        await redis.close()
        assert runs == [State.HALF_OPEN, State.HALF_OPEN]

    asyncio.run(trouble())


def test_probes_do_not_run_in_the_context_of_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "_PROBE_SECONDS", 0.01)
    request = ContextVar("request", default="none")

    async def trouble() -> None:
        seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def probe() -> None:
            seen.set_result(request.get())

        async def catch_up() -> None:
            pass

        request.set("mine")
        redis = CircuitBreaker(probe, catch_up, no_metric)
        redis.open(OSError("away"))
        assert await asyncio.wait_for(seen, _PATIENT) == "none"
        await redis.close()

    asyncio.run(trouble())
