"""The way to Redis: a bounded pool of connections, a time limit on every exchange, and a look at who answers.

redis-py brings connections, TLS, authentication and parsing; its command methods are passed by, since their retries and
metrics cost a cached read more than the exchange itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from shared.settings import Settings

log = logging.getLogger(__name__)

type Command = tuple[str | bytes | int, ...]
type Exchange = Callable[[Sequence[Command]], Awaitable[list[Any]]]


class CacheUnavailableError(Exception):
    """Redis did not answer within the time limit, refused, or can't be reached."""


class CacheRefusedError(CacheUnavailableError):
    """Redis answered with an error; `code` is its first word (READONLY, OOM, WRONGTYPE, …)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.partition(" ")[0]


class RedisLink:
    """Sends commands to Redis over pooled connections; belongs to one event loop."""

    def __init__(self, settings: Settings, on_connect: Callable[[Exchange], Awaitable[None]]) -> None:
        """`on_connect` is awaited on each new connection before it carries anything else."""
        self._on_connect = on_connect
        self._places = asyncio.Semaphore(settings.redis_pool_size)
        self._pool: ConnectionPool[Connection] = ConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            max_connections=settings.redis_pool_size,
            protocol=2,
            decode_responses=False,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._connected,
        )

    async def exchange(self, *commands: Command, seconds: float) -> list[Any]:
        """Sends the commands in one round trip; gives their replies.

        Raises CacheUnavailableError after `seconds` and for a connection that fails, CacheRefusedError for an error
        among the replies.
        """
        try:
            async with asyncio.timeout(seconds), self._connection() as connection:
                return await _exchange(connection, commands)
        except (TimeoutError, RedisError, OSError) as error:
            raise CacheUnavailableError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.aclose()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self._places:
            connection = await self._pool.get_connection()
            try:
                yield connection
            except CacheRefusedError:
                raise  # all replies were read
            except BaseException:
                # Replies that nobody read would be taken for those of the next exchange.
                await connection.disconnect(nowait=True)
                raise
            finally:
                await self._pool.release(connection)

    async def _connected(self, connection: Connection) -> None:
        await connection.on_connect()

        async def exchange(commands: Sequence[Command]) -> list[Any]:
            return await _exchange(connection, commands)

        await self._on_connect(exchange)


async def _exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies = []
    refusal: ResponseError | None = None
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except ResponseError as error:
            refusal = refusal or error
    if refusal:
        # redis-py takes the code off some messages and makes it the error's class.
        raise CacheRefusedError(f"{refusal.status_code or ''} {refusal}".strip()) from refusal
    return replies
