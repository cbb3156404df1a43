"""How the store tells Redis of writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from pydantic import SecretStr

from shared.cache.breaker import State
from shared.cache.keys import generation_key
from shared.cache.redis_client import CacheUnavailableError
from shared.cache.store import CacheStore
from testkit.serving import catalog_settings

_CHUNK = 65_536
_TAG = "products"


@asynccontextmanager
async def closing_in_the_middle(valkey: str, times: int) -> AsyncIterator[int]:
    """A port to the same server, which closes the connection in place of passing a renewal on, so many times."""
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
            while question := await client.read(_CHUNK):
                if left and generation_key(_TAG).encode() in question:
                    left -= 1
                    return
                to_server.write(question)
        finally:
            answering.cancel()
            to_server.close()
            to_client.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
        listening.close_clients()


def renew_through(valkey: str, tmp_path: Path, times: int) -> State:
    """Renews a tag on a way to Redis that is cut so many times; gives the breaker's state after it."""

    async def nothing() -> None:
        pass

    async def renew() -> State:
        async with closing_in_the_middle(valkey, times) as port:
            settings = catalog_settings(tmp_path, valkey)
            url = SecretStr(f"redis://127.0.0.1:{port}/0")
            cache = CacheStore(settings.model_copy(update={"redis_url": url}), nothing)
            try:
                await cache.invalidate([_TAG])
            finally:
                state = cache.breaker.state
                await cache.close()
            return state

    return asyncio.run(renew())


def test_a_write_whose_connection_is_closed_in_the_middle_tells_redis_on_another(valkey: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.delete(generation_key(_TAG))
        assert renew_through(valkey, tmp_path, 1) is State.CLOSED
        assert client.exists(generation_key(_TAG))


def test_where_the_other_is_closed_too_the_write_s_scopes_are_left_to_the_outbox(valkey: str, tmp_path: Path) -> None:
    with pytest.raises(CacheUnavailableError):
        renew_through(valkey, tmp_path, 2)
