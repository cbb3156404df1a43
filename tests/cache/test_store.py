"""How the store reaches Redis when its connection is closed, and how long its pages live."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import redis

from shared.cache import store
from shared.cache.breaker import State
from shared.cache.errors import CacheUnavailableError
from shared.cache.keys import CacheKey, Keys, View
from shared.cache.page import Page
from shared.cache.settings import CacheSettings
from shared.cache.store import CacheStore
from tests.cache.settings import cache_settings

_CHUNK = 65_536
_TAG = "products"
_GENERATION_KEY = Keys("cache").generation(_TAG)


async def nothing() -> None:
    pass


@asynccontextmanager
async def opened(settings: CacheSettings) -> AsyncIterator[CacheStore]:
    cache = CacheStore(settings, nothing)
    try:
        yield cache
    finally:
        await cache.close()


@asynccontextmanager
async def closing_before_renewals(valkey: str, times: int) -> AsyncIterator[int]:
    """A port to the same server that closes the connection in place of passing a renewal on, this many times."""
    target = urlsplit(valkey)
    left = times

    async def answer(server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await server.read(_CHUNK):
            client.write(data)

    async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        nonlocal left
        server, to_server = await asyncio.open_connection(target.hostname, target.port)
        answering = asyncio.create_task(answer(server, to_client))
        try:
            while commands := await client.read(_CHUNK):
                if left and _GENERATION_KEY.encode() in commands:
                    left -= 1
                    return
                to_server.write(commands)
        finally:
            answering.cancel()
            to_server.close()
            to_client.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
        listening.close_clients()


def invalidate_through(valkey: str, times: int) -> State:
    """Invalidates a tag over connections that are closed this many times; returns the breaker's state after it."""
    settings = cache_settings(valkey)

    async def invalidate() -> State:
        async with (
            closing_before_renewals(valkey, times) as port,
            opened(dataclasses.replace(settings, url=f"redis://127.0.0.1:{port}/0")) as cache,
        ):
            await cache.invalidate([_TAG])
            return cache.breaker.state

    return asyncio.run(invalidate())


def test_an_invalidation_whose_connection_is_closed_is_sent_on_another(valkey: str) -> None:
    assert invalidate_through(valkey, 1) is State.CLOSED
    with redis.Redis.from_url(valkey) as client:
        assert client.exists(_GENERATION_KEY)


def test_an_invalidation_whose_second_connection_is_closed_too_is_an_error(valkey: str) -> None:
    with pytest.raises(CacheUnavailableError):
        invalidate_through(valkey, 2)


def test_a_page_lives_as_long_as_its_view_says_and_else_as_the_settings_say(valkey: str) -> None:
    async def stored_for(view: View) -> int:
        async with opened(cache_settings(valkey, ttl=600)) as cache:
            key = cache.key_of(view)
            await cache.store(key, await cache.look_up(key), Page.of(b"{}"))
            assert (await cache.look_up(key)).page == Page.of(b"{}")
        with redis.Redis.from_url(valkey) as client:
            return int(client.ttl(key.page))

    assert 539 <= asyncio.run(stored_for(View.of(_TAG, "shown"))) <= 660
    assert 26 <= asyncio.run(stored_for(View.of(_TAG, "shown", ttl=30))) <= 33


def test_two_caches_with_prefixes_of_their_own_share_nothing(valkey: str) -> None:
    async def use() -> None:
        view = View.of(_TAG, "shown")
        async with opened(cache_settings(valkey, key_prefix="one")) as one:
            key = one.key_of(view)
            await one.store(key, await one.look_up(key), Page.of(b"{}"))
            async with opened(CacheSettings(url=valkey, key_prefix="two", read_timeout=2, write_timeout=5)) as two:
                assert (await two.look_up(two.key_of(view))).page is None
                await two.invalidate([_TAG])
            assert (await one.look_up(key)).page

    asyncio.run(use())


def test_a_request_with_no_time_left_leaves_the_connection_to_the_others(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = CacheKey("generation", "page", 600)

    async def store_and_look_up() -> None:
        async with opened(cache_settings(valkey)) as cache:
            lookup = await cache.look_up(key)
            assert lookup.generation
            before = await cache._reads.exchange(("CLIENT", "ID"), seconds=10)
            with redis.Redis.from_url(valkey) as client:
                client.client_pause(100)
            await cache.store(key, dataclasses.replace(lookup, seconds_left=0.001), Page.of(b"body"))
            assert await cache._reads.exchange(("CLIENT", "ID"), seconds=10) == before
            # As if the look-up had taken nearly all of its time before it found no generation.
            monkeypatch.setattr(store, "_MIN_SECONDS", 2.0)
            assert await cache.look_up(CacheKey("none", "page", 600)) == store.BYPASS
            assert await cache._reads.exchange(("CLIENT", "ID"), seconds=10) == before

    asyncio.run(store_and_look_up())
