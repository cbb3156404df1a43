"""The way to Redis: one connection, on which whatever waits is sent together, and a time limit on every exchange.

While an exchange is under way, what arrives meanwhile waits and is sent as one pipeline when it ends: so any number of
concurrent requests need one connection and few system calls, and equal look-ups among them are asked once. Nobody ever
gets a reply to a pending that was sent before he asked, so a look-up never shows a state from before its request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any

import hiredis
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from shared.azure.redis_credentials import EntraCredentials, redis_credentials
from shared.cache.deadline import Deadline
from shared.cache.redis_protocol import Command, RedisProtocol, Reply
from shared.settings import Settings

log = logging.getLogger(__name__)

# Refusals that may be the connection's own, and over with the next: its token has expired, its server is a replica now.
_UNFIT = {"NOAUTH", "WRONGPASS", "NOPERM", "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN"}

# Connecting takes some six round trips. A hung attempt is given up after this: the next may do better.
_CONNECT_SECONDS = 2.0
# Who has waited behind an exchange has this for his own at least: a reply that Redis gives at once comes in this time.
_LEAST_SECONDS = 0.01
# Look-ups may wait behind it. Where it takes longer the connection ends, and the next one signs in anew.
_SIGN_IN_SECONDS = 0.05

type Exchange = Callable[[Sequence[Command]], Awaitable[list[Any]]]


class CacheUnavailableError(Exception):
    """Redis did not answer within the time limit, refused, or can't be reached."""


class CacheLostError(CacheUnavailableError):
    """The connection ended in the middle of the exchange, which Redis may have carried out or not."""


class CacheRefusedError(CacheUnavailableError):
    """Redis answered with an error; `code` is its first word (READONLY, OOM, WRONGTYPE, …)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.partition(" ")[0]


type Replies = list[Any] | CacheUnavailableError


class _PendingRequest:
    """Commands, who waits for their replies and until when (the event loop's time), and the replies that have come."""

    __slots__ = ("commands", "deadline", "refusal", "replies", "seconds", "waiters")

    def __init__(
        self, commands: tuple[Command, ...], seconds: float, deadline: float, waiter: asyncio.Future[Replies]
    ) -> None:
        self.commands = commands
        self.seconds = seconds
        self.deadline = deadline
        self.waiters = [waiter]
        self.replies: list[Reply] = []
        self.refusal: hiredis.ReplyError | None = None

    def take(self, reply: Reply) -> bool:
        """Notes a reply; gives whether it was the last one."""
        if isinstance(reply, hiredis.ReplyError):
            self.refusal = self.refusal or reply
        self.replies.append(reply)
        return len(self.replies) == len(self.commands)

    def answer(self, error: CacheUnavailableError | None = None) -> None:
        """Tells everybody who asked: the replies, or an error in their place."""
        if self.refusal:
            error = CacheRefusedError(str(self.refusal))
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(error or self.replies)


class RedisClient:
    """One pipelined connection; belongs to one event loop."""

    def __init__(self, settings: Settings, on_connect: Callable[[Exchange], Awaitable[None]]) -> None:
        """`on_connect` is awaited on each new connection before it carries anything else."""
        self._on_connect = on_connect
        credentials = redis_credentials(settings.redis_url.get_secret_value(), settings.azure_client_id)
        self._identity = credentials.get("credential_provider")
        self._signing_in: asyncio.Task[None] | None = None
        pool = ConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            protocol=2,
            decode_responses=False,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._set_up,
            **credentials,
        )
        self._connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]  # untyped in redis-py
        self._wire: RedisProtocol | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._is_closed = False
        self._waiting: list[_PendingRequest] = []
        # What was sent, or is to be sent once connected, in the order in which the replies come.
        self._asked: deque[_PendingRequest] = deque()
        # Until when the exchange under way may take, and what all are told who gave it up: it counts as one failure.
        self._deadline = 0.0
        self._slow: CacheUnavailableError | None = None
        self._limit = Deadline(self._ran_out)

    async def exchange(self, *commands: Command, seconds: float) -> list[Any]:
        """Sends the commands; gives their replies.

        Raises CacheUnavailableError after `seconds` without a reply and where no connection can be made, CacheLostError
        where it ended meanwhile, CacheRefusedError for an error among the replies.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Replies] = loop.create_future()
        self._waiting.append(_PendingRequest(commands, seconds, loop.time() + seconds, waiter))
        if not self._asked:
            self._send_waiting()
        replies = await waiter
        if isinstance(replies, CacheUnavailableError):
            raise replies
        return replies

    async def close(self) -> None:
        """Closes the connection for good; what is still under way fails."""
        self._is_closed = True
        self._fail(CacheUnavailableError("the connection was closed"))
        if self._connecting:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        await self._connection.disconnect(nowait=True)

    def _send_waiting(self) -> None:
        """Begins one exchange with all that waits."""
        batch, self._waiting = self._waiting, []
        self._asked.extend(batch if len(batch) == 1 else _each_look_up_once(batch))
        self._begin_time(batch)
        if self._wire:
            self._send_asked(self._wire)
        elif self._is_closed:
            self._fail(CacheUnavailableError("the connection was closed"))
        elif not self._connecting:
            # In a context of its own: what it logs is nobody's request.
            self._connecting = asyncio.get_running_loop().create_task(self._connect(), context=Context())

    def _begin_time(self, batch: Sequence[_PendingRequest]) -> None:
        """An exchange may take as long as the most patient waiter's; each of them may have waited for a while."""
        now = asyncio.get_running_loop().time()
        soonest, longest = math.inf, 0.0
        for pending in batch:
            pending.deadline = max(pending.deadline, now + _LEAST_SECONDS)
            soonest = min(soonest, pending.deadline)
            longest = max(longest, pending.seconds)
        self._deadline = now + longest
        self._slow = None
        self._limit.begin(soonest - now)

    def _send_asked(self, wire: RedisProtocol) -> None:
        wire.send([command for pending in self._asked for command in pending.commands])

    def _replied(self, reply: Reply) -> None:
        if not self._asked:
            self._fail(CacheUnavailableError("a reply that nobody asked for"))
            return
        if self._asked[0].take(reply):
            pending = self._asked.popleft()
            pending.answer()
            if pending.refusal and CacheRefusedError(str(pending.refusal)).code in _UNFIT:
                self._fail(CacheUnavailableError(str(pending.refusal)))
            elif not self._asked:
                self._limit.end()
                if self._waiting:
                    self._send_waiting()

    def _ran_out(self) -> None:
        """Gives up the questions whose time is over; the connection too where the exchange's own time is."""
        self._slow = self._slow or CacheUnavailableError("no reply within the time limit")
        now = asyncio.get_running_loop().time() - self._limit.excused_seconds
        if now >= self._deadline:
            self._fail(self._slow)
            return
        next_look = self._deadline
        for pending in self._asked:
            if pending.deadline <= now:
                pending.answer(self._slow)
            else:
                next_look = min(next_look, pending.deadline)
        self._limit.extend(next_look - now)

    def _lost(self, wire: RedisProtocol, error: Exception | None) -> None:
        if wire is self._wire:
            self._fail(CacheLostError(f"{type(error).__name__}: {error}" if error else "the server closed"))

    def _fail(self, error: CacheUnavailableError) -> None:
        """Ends the exchange under way; what arrived meanwhile fails too: nobody waits twice."""
        failed = [*self._asked, *self._waiting]
        self._asked.clear()
        self._waiting = []
        self._limit.end()
        if self._wire:
            # Replies that nobody read would be taken for those of the next exchange.
            self._wire.abort()
            self._wire = None
        if self._signing_in:
            self._signing_in.cancel()
            self._signing_in = None
        for pending in failed:
            pending.answer(error)

    async def _connect(self) -> None:
        """Connects, in a time of its own, and then sends what is asked by now: who asked first may have given up."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._connection.disconnect(nowait=True)
                await self._connection.connect()  # type: ignore[no-untyped-call]  # untyped in redis-py
        except Exception as error:  # noqa: BLE001  # whatever keeps it from connecting is told to all who asked
            self._fail(CacheUnavailableError(f"{type(error).__name__}: {error}"))
        else:
            self._wire = RedisProtocol(self._connection, self._replied, self._lost)
            if self._identity:
                self._signing_in = asyncio.create_task(self._stay_signed_in(self._identity))
            if self._asked:
                self._send_asked(self._wire)
        finally:
            self._connecting = None

    async def _stay_signed_in(self, identity: EntraCredentials) -> None:
        with contextlib.suppress(CacheUnavailableError):  # the next connection signs in anew
            await identity.keep_signed_in(self._sign_in)

    async def _sign_in(self, user: str, token: str) -> None:
        await self.exchange(("AUTH", user, token), seconds=_SIGN_IN_SECONDS)

    async def _set_up(self, connection: Connection) -> None:
        await connection.on_connect()

        async def exchange(commands: Sequence[Command]) -> list[Any]:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            replies = []
            refusal: ResponseError | None = None
            for _ in commands:
                try:
                    replies.append(await connection.read_response())
                except ResponseError as error:
                    refusal = refusal or error
            if refusal:
                raise refusal
            return replies

        await self._on_connect(exchange)


def _each_look_up_once(batch: Sequence[_PendingRequest]) -> list[_PendingRequest]:
    """The questions with equal look-ups as one; the second of two equal writes is not the first."""
    distinct: list[_PendingRequest] = []
    look_ups: dict[tuple[Command, ...], _PendingRequest] = {}
    for pending in batch:
        first = look_ups.setdefault(pending.commands, pending) if pending.commands[0][0] == "MGET" else pending
        if first is pending:
            distinct.append(pending)
        else:
            first.waiters += pending.waiters
    return distinct
