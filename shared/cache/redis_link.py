"""The way to Redis: one connection, on which whatever waits is sent together, and a time limit on every exchange.

While an exchange is under way, what arrives meanwhile waits and is sent as one pipeline when it ends: so any number of
concurrent requests need one connection and few system calls, and equal look-ups among them are asked once. Nobody ever
gets a reply to a question that was sent before he asked, so a look-up never shows a state from before its request.

redis-py brings the connection, TLS, authentication and parsing. Its command methods are passed by: their retries,
metrics and pool cost a cached read more than the exchange itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from shared.redis_credentials import redis_credentials
from shared.settings import Settings

log = logging.getLogger(__name__)

type Command = tuple[str | bytes | int, ...]
type Exchange = Callable[[Sequence[Command]], Awaitable[list[Any]]]

# A timer that fires this late says that the process itself was busy, not that Redis was slow.
_LATE_SECONDS = 0.005
_LONGEST_BUSY_SECONDS = 1.0


class CacheUnavailableError(Exception):
    """Redis did not answer within the time limit, refused, or can't be reached."""


class CacheRefusedError(CacheUnavailableError):
    """Redis answered with an error; `code` is its first word (READONLY, OOM, WRONGTYPE, …)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.partition(" ")[0]


type Replies = list[Any] | CacheUnavailableError


@dataclass(slots=True)
class _Waiting:
    """Commands that wait to be sent, and where their replies, or the error, will stand."""

    commands: tuple[Command, ...]
    seconds: float
    replies: asyncio.Future[Replies]


class RedisLink:
    """One pipelined connection; belongs to one event loop."""

    def __init__(self, settings: Settings, on_connect: Callable[[Exchange], Awaitable[None]]) -> None:
        """`on_connect` is awaited on each new connection before it carries anything else."""
        self._on_connect = on_connect
        pool = ConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            protocol=2,
            decode_responses=False,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._connected,
            **redis_credentials(settings),
        )
        self._connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]  # untyped in redis-py
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._rest: asyncio.Task[None] | None = None

    async def exchange(self, *commands: Command, seconds: float) -> list[Any]:
        """Sends the commands; gives their replies.

        Raises CacheUnavailableError after `seconds` without a reply and for a connection that fails, CacheRefusedError
        for an error among the replies.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(commands, seconds, loop.create_future())
        self._waiting.append(waiting)
        if not self._busy:
            await self._send_waiting()
            if self._waiting:
                self._rest = loop.create_task(self._send_rest())
        replies = await waiting.replies
        if isinstance(replies, CacheUnavailableError):
            raise replies
        return replies

    async def close(self) -> None:
        """Closes the connection."""
        if self._rest:
            await self._rest
        await self._connection.disconnect()

    async def _send_rest(self) -> None:
        while self._waiting and not self._busy:
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        """One exchange with all that waits; where it fails, what arrived meanwhile fails too: nobody waits twice."""
        batch, self._waiting = self._waiting, []
        self._busy = True
        error: CacheUnavailableError | None = CacheUnavailableError("the exchange was given up")
        try:
            async with _at_most(max(waiting.seconds for waiting in batch)):
                await self._converse(batch)
            error = None
        except (TimeoutError, RedisError, OSError) as failure:
            error = CacheUnavailableError(f"{type(failure).__name__}: {failure}")
        finally:
            self._busy = False
            if error:
                batch += self._waiting
                self._waiting = []
                for waiting in batch:
                    if not waiting.replies.done():
                        waiting.replies.set_result(error)
                # Replies that nobody read would be taken for those of the next exchange.
                await self._connection.disconnect(nowait=True)

    async def _converse(self, batch: Sequence[_Waiting]) -> None:
        if not self._connection.is_connected:
            await self._connection.connect()  # type: ignore[no-untyped-call]  # untyped in redis-py
        questions: dict[tuple[Command, ...], list[_Waiting]] = {}
        for waiting in batch:
            # Only look-ups are asked once for all; the second of two equal writes is not the first.
            key = waiting.commands if waiting.commands[0][0] == "MGET" else (*waiting.commands, (id(waiting),))
            questions.setdefault(key, []).append(waiting)
        first_of_each = [askers[0] for askers in questions.values()]
        await _send(self._connection, [command for asker in first_of_each for command in asker.commands])
        for askers in questions.values():
            replies = await _receive(self._connection, len(askers[0].commands))
            for asker in askers:
                if not asker.replies.done():
                    asker.replies.set_result(replies)

    async def _connected(self, connection: Connection) -> None:
        await connection.on_connect()

        async def exchange(commands: Sequence[Command]) -> list[Any]:
            await _send(connection, commands)
            replies = await _receive(connection, len(commands))
            if isinstance(replies, CacheUnavailableError):
                # An error of redis-py's own, since this runs inside its connect.
                raise RedisError(str(replies))
            return replies

        await self._on_connect(exchange)


async def _send(connection: Connection, commands: Sequence[Command]) -> None:
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)


async def _receive(connection: Connection, count: int) -> Replies:
    replies = []
    refusal: ResponseError | None = None
    for _ in range(count):
        try:
            replies.append(await connection.read_response())
        except ResponseError as error:
            refusal = refusal or error
    if refusal:
        # redis-py takes the code off some messages and makes it the error's class.
        return CacheRefusedError(f"{refusal.status_code or ''} {refusal}".strip())
    return replies


@contextlib.asynccontextmanager
async def _at_most(seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError after `seconds` of waiting for Redis; time in which this process was busy doesn't count."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds + _LONGEST_BUSY_SECONDS) as limit:
        timer: asyncio.TimerHandle

        def look_at(due: float) -> None:
            nonlocal timer
            timer = loop.call_at(due, look, due)

        def look(due: float) -> None:
            now = loop.time()
            if now - due < _LATE_SECONDS:
                limit.reschedule(now)
            else:
                look_at(now + seconds)

        look_at(loop.time() + seconds)
        try:
            yield
        finally:
            timer.cancel()
