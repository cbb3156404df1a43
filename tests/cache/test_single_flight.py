"""Single flight: concurrent calls for one key are made once."""

from __future__ import annotations

import asyncio
import time

import pytest

from shared.cache.single_flight import SingleFlight

_KEPT = 60.0


class Source:
    """Counts its calls, each of which waits until it may end."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def read(self) -> int:
        self.calls += 1
        number = self.calls
        await self.may_end.wait()
        if self.error:
            raise self.error
        return number


def test_concurrent_requests_share_one_call_and_a_cancelled_one_leaves_it_to_the_others() -> None:
    async def share() -> None:
        joined: list[int] = []
        source, flights = Source(), SingleFlight[str, int](on_join=lambda: joined.append(1))
        first, *others = [asyncio.create_task(flights.run("key", source.read)) for _ in range(3)]
        other_key = asyncio.create_task(flights.run("other key", source.read))
        await asyncio.sleep(0)  # all have begun
        first.cancel()
        source.may_end.set()
        assert await asyncio.gather(*others, other_key) == [1, 1, 2]
        assert len(joined) == 2
        assert await flights.run("key", source.read) == 3  # nothing is kept

    asyncio.run(share())


def test_an_error_goes_to_all_who_wait_and_the_next_one_calls_again() -> None:
    async def fail() -> None:
        source, flights = Source(), SingleFlight[str, int](keep_seconds=_KEPT)
        source.error = OSError("away")
        source.may_end.set()
        results = await asyncio.gather(*(flights.run("key", source.read) for _ in range(3)), return_exceptions=True)
        assert results == [source.error] * 3
        source.error = None
        assert await flights.run("key", source.read) == 2

    asyncio.run(fail())


def test_a_kept_result_is_shared_with_those_who_asked_before_it_was_there() -> None:
    async def keep() -> None:
        source, flights = Source(), SingleFlight[str, int](keep_seconds=_KEPT)
        source.may_end.set()
        before = time.monotonic()
        assert await flights.run("key", source.read, before) == 1
        assert await flights.run("key", source.read, before) == 1
        assert await flights.run("key", source.read) == 1
        assert await flights.run("key", source.read, asked_at=time.monotonic()) == 2

    asyncio.run(keep())


@pytest.mark.parametrize("forget_all", [True, False])
def test_a_forgotten_call_is_shared_with_nobody_who_asks_later(*, forget_all: bool) -> None:
    async def forget() -> None:
        source, flights = Source(), SingleFlight[str, int](keep_seconds=_KEPT)
        old = asyncio.create_task(flights.run("key", source.read))
        await asyncio.sleep(0)  # it has begun
        if forget_all:
            flights.forget_all()
        else:
            flights.forget("key")
        new = asyncio.create_task(flights.run("key", source.read))
        await asyncio.sleep(0)  # it has begun
        source.may_end.set()
        assert (await old, await new) == (1, 2)
        assert await flights.run("key", source.read) == 2

    asyncio.run(forget())
