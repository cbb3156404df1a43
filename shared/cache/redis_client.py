"""The way to Redis: one connection, on which waiting requests are sent together, and a time limit on every exchange.

While an exchange is under way, new requests wait. They are sent as one pipeline when it ends, so any number of
concurrent requests need one connection and few system calls, and equal look-ups among them are sent once. A request
never gets a reply to commands that were sent before it arrived, so a look-up never shows a state from before it.
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

from shared.cache.deadline import Deadline
from shared.cache.errors import CacheUnavailableError, CommandRefusedError, ConnectionLostError
from shared.cache.redis_protocol import Command, RedisProtocol, RedisServer, Reply
from shared.cache.settings import CacheSettings, RenewingCredentials

log = logging.getLogger(__name__)

# Refusals that may be the connection's own, and over with the next one: its token has expired, its server is a replica.
_CONNECTION_REFUSALS = {"NOAUTH", "WRONGPASS", "NOPERM", "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN"}

# Connecting takes some six round trips. An attempt that hangs is given up after this: the next one may do better.
_CONNECT_SECONDS = 2.0
# Minimum time that a queued request gets for its own exchange: a reply that Redis gives at once comes in this time.
_MIN_SECONDS = 0.01
# Look-ups may wait behind it. Where it takes longer the connection ends, and the next one signs in anew.
_SIGN_IN_SECONDS = 0.05

type Exchange = Callable[[Sequence[Command]], Awaitable[list[Any]]]
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
        """Notes a reply; returns whether it was the last one."""
        if isinstance(reply, hiredis.ReplyError):
            self.refusal = self.refusal or reply
        self.replies.append(reply)
        return len(self.replies) == len(self.commands)

    def reply(self, reply: Reply) -> None:
        """Notes a reply; answers after the last one."""
        if self.take(reply):
            self.answer()

    def answer(self, error: CacheUnavailableError | None = None) -> None:
        """Gives the waiters the replies, or an error in their place."""
        if self.refusal:
            error = CommandRefusedError(str(self.refusal))
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(error or self.replies)


class RedisClient:
    """One pipelined connection; belongs to one event loop."""

    def __init__(self, settings: CacheSettings, on_connect: Callable[[Exchange], Awaitable[None]]) -> None:
        """`on_connect` is awaited on each new connection before it carries anything else."""
        self._server = RedisServer.of(settings.url)
        self._credentials = settings.credentials
        self._on_connect = on_connect
        self._signing_in: asyncio.Task[None] | None = None
        self._wire: RedisProtocol | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._is_closed = False
        self._waiting: list[_PendingRequest] = []
        # Sent, or to be sent once connected, in the order in which the replies come.
        self._sent: deque[_PendingRequest] = deque()
        # The end of the time of the exchange under way, and the error of all who give it up: it counts as one failure.
        self._deadline = 0.0
        self._slow: CacheUnavailableError | None = None
        self._limit = Deadline(self._expired)

    async def exchange(self, *commands: Command, seconds: float) -> list[Any]:
        """Sends the commands; returns their replies.

        Raises CacheUnavailableError after `seconds` without a reply and where no connection can be made,
        ConnectionLostError where it ended meanwhile, CommandRefusedError for an error among the replies.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Replies] = loop.create_future()
        self._waiting.append(_PendingRequest(commands, seconds, loop.time() + seconds, waiter))
        if not self._sent:
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

    def _send_waiting(self) -> None:
        """Begins one exchange with all waiting requests."""
        batch, self._waiting = self._waiting, []
        self._sent.extend(batch if len(batch) == 1 else _each_look_up_once(batch))
        self._begin_time(batch)
        if self._wire:
            self._send_all(self._wire)
        elif self._is_closed:
            self._fail(CacheUnavailableError("the connection was closed"))
        elif not self._connecting:
            # In a context of its own: its log lines belong to no request.
            self._connecting = asyncio.get_running_loop().create_task(self._connect(), context=Context())

    def _begin_time(self, batch: Sequence[_PendingRequest]) -> None:
        """An exchange may take as long as its longest request; each request may have waited for a while."""
        now = asyncio.get_running_loop().time()
        soonest, longest = math.inf, 0.0
        for pending in batch:
            pending.deadline = max(pending.deadline, now + _MIN_SECONDS)
            soonest = min(soonest, pending.deadline)
            longest = max(longest, pending.seconds)
        self._deadline = now + longest
        self._slow = None
        self._limit.begin(soonest - now)

    def _send_all(self, wire: RedisProtocol) -> None:
        wire.send([command for pending in self._sent for command in pending.commands])

    def _replied(self, reply: Reply) -> None:
        if not self._sent:
            self._fail(CacheUnavailableError("a reply without a request"))
            return
        if self._sent[0].take(reply):
            pending = self._sent.popleft()
            pending.answer()
            if pending.refusal and CommandRefusedError(str(pending.refusal)).code in _CONNECTION_REFUSALS:
                self._fail(CacheUnavailableError(str(pending.refusal)))
            elif not self._sent:
                self._limit.end()
                if self._waiting:
                    self._send_waiting()

    def _expired(self) -> None:
        """Gives up the requests whose time is over, and the connection where the exchange's own time is over."""
        self._slow = self._slow or CacheUnavailableError("no reply within the time limit")
        now = asyncio.get_running_loop().time() - self._limit.excused_seconds
        if now >= self._deadline:
            self._fail(self._slow)
            return
        next_look = self._deadline
        for pending in self._sent:
            if pending.deadline <= now:
                pending.answer(self._slow)
            else:
                next_look = min(next_look, pending.deadline)
        self._limit.extend(next_look - now)

    def _lost(self, wire: RedisProtocol, error: Exception | None) -> None:
        if wire is self._wire:
            self._fail(_connection_lost(error))

    def _fail(self, error: CacheUnavailableError) -> None:
        """Ends the exchange under way. What arrived meanwhile fails too: no request waits twice."""
        failed = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting = []
        self._limit.end()
        if self._wire:
            # Its unread replies would be taken for those of the next exchange.
            self._wire.abort()
            self._wire = None
        if self._signing_in:
            self._signing_in.cancel()
            self._signing_in = None
        for pending in failed:
            pending.answer(error)

    async def _connect(self) -> None:
        """Connects, within a time limit of its own, and then sends what waits by then."""
        wire: RedisProtocol | None = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                wire = await self._server.connect()
                await self._set_up(wire)
        except Exception as error:  # noqa: BLE001  # whatever prevents a connection is told to all waiting requests
            self._fail(CacheUnavailableError(f"{type(error).__name__}: {error}"))
        else:
            self._wire = wire
            wire.deliver_to(self._replied, self._lost)
            if self._credentials:
                self._signing_in = asyncio.create_task(self._stay_signed_in(self._credentials))
            if self._sent:
                self._send_all(wire)
        finally:
            self._connecting = None
            if wire and wire is not self._wire:
                wire.abort()

    async def _set_up(self, wire: RedisProtocol) -> None:
        """Signs in, selects the database and awaits `on_connect`."""

        async def exchange(commands: Sequence[Command]) -> list[Any]:
            waiter: asyncio.Future[Replies] = asyncio.get_running_loop().create_future()
            pending = _PendingRequest(tuple(commands), 0.0, 0.0, waiter)
            wire.deliver_to(
                pending.reply,
                lambda _wire, error: pending.answer(_connection_lost(error)),
            )
            if wire.is_lost:
                raise _connection_lost(None)
            wire.send(commands)
            replies = await waiter
            if isinstance(replies, CacheUnavailableError):
                raise replies
            return replies

        given = await self._credentials.get_credentials_async() if self._credentials else self._server.credentials
        if given:
            await exchange([("AUTH", *given)])
        if self._server.database:
            await exchange([("SELECT", self._server.database)])
        await self._on_connect(exchange)
        if wire.is_lost:
            raise _connection_lost(None)

    async def _stay_signed_in(self, credentials: RenewingCredentials) -> None:
        with contextlib.suppress(CacheUnavailableError):  # the next connection signs in anew
            await credentials.keep_signed_in(self._sign_in)

    async def _sign_in(self, user: str, token: str) -> None:
        await self.exchange(("AUTH", user, token), seconds=_SIGN_IN_SECONDS)


def _connection_lost(error: Exception | None) -> ConnectionLostError:
    return ConnectionLostError(f"{type(error).__name__}: {error}" if error else "the server closed the connection")


def _each_look_up_once(batch: Sequence[_PendingRequest]) -> list[_PendingRequest]:
    """The requests, with equal look-ups as one. Two equal writes stay two."""
    distinct: list[_PendingRequest] = []
    look_ups: dict[tuple[Command, ...], _PendingRequest] = {}
    for pending in batch:
        first = look_ups.setdefault(pending.commands, pending) if pending.commands[0][0] == "MGET" else pending
        if first is pending:
            distinct.append(pending)
        else:
            first.waiters += pending.waiters
    return distinct
