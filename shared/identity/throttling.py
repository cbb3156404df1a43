"""Throttles log-in and sign-up by the failed attempts of an e-mail and of an address in a moving window.

Over the limit the right password is refused too. The library `limits` keeps the counts in Redis for all instances.
While Redis is unavailable each process uses its own counts. Keys are digests, because they outlive the request and
Redis' tools show them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from shared.http.problems import ConflictError, TooManyRequestsError, UnauthorizedError
from shared.telemetry import metrics, spans

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

_WINDOW_MINUTES = 15
PER_EMAIL = RateLimitItemPerMinute(10, _WINDOW_MINUTES, "email")
PER_ADDRESS = RateLimitItemPerMinute(50, _WINDOW_MINUTES, "address")

_REDIS_SECONDS = 0.25
# The command by which `limits` reads and counts.
_COMMAND = "EVALSHA"
# How long Redis isn't used after a failure.
_PAUSE_SECONDS = 5.0


@dataclass(slots=True, weakref_slot=True)
class _InProgress:
    """This process' attempts of one key."""

    attempts: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Throttle:
    """Counts failed attempts; belongs to one event loop."""

    def __init__(self, redis_url: str, redis: Redis) -> None:
        storage = RedisStorage(
            f"async+{redis_url}",
            implementation="redispy",
            key_prefix="identity:failures",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # documented, typed as plain values
        )
        self._shared = MovingWindowRateLimiter(storage)
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._redis_again_at = 0.0
        # An entry lives as long as an attempt that runs or waits for its slot.
        self._in_progress = WeakValueDictionary[tuple[RateLimitItem, str], _InProgress]()

    @contextlib.asynccontextmanager
    async def attempt(self, email: str, address: str) -> AsyncIterator[None]:
        """An attempt with an e-mail from an address, which fails by UnauthorizedError or ConflictError.

        Raises TooManyRequestsError after too many failures.
        """
        by_email, by_address = _digest(email.casefold()), _digest(address)
        async with self._slot(PER_EMAIL, by_email), self._slot(PER_ADDRESS, by_address):
            try:
                yield
            except (UnauthorizedError, ConflictError):
                await self._count(PER_EMAIL, by_email)
                await self._count(PER_ADDRESS, by_address)
                raise

    @contextlib.asynccontextmanager
    async def _slot(self, limit: RateLimitItem, key: str) -> AsyncIterator[None]:
        """Lets as many attempts run at once as may still fail; else attempts sent together would all pass."""
        in_progress = self._in_progress.setdefault((limit, key), _InProgress())
        async with in_progress.changed:
            while await self._remaining(limit, key) <= in_progress.attempts:
                await in_progress.changed.wait()
            in_progress.attempts += 1
        try:
            yield
        finally:
            async with in_progress.changed:
                in_progress.attempts -= 1
                in_progress.changed.notify_all()

    async def _remaining(self, limit: RateLimitItem, key: str) -> int:
        """How many attempts may still fail. Raises TooManyRequestsError for none."""
        window = await self._shared_or_none(self._shared.get_window_stats(limit, key))
        if window is None:
            window = await self._local.get_window_stats(limit, key)
        if window.remaining > 0:
            return window.remaining
        metrics.THROTTLED.add(limit.namespace)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise TooManyRequestsError(
            f"Too many failed attempts within {_WINDOW_MINUTES} minutes. Try again in {seconds} s.", retry_after=seconds
        )

    async def _count(self, limit: RateLimitItem, key: str) -> None:
        # Locally in any case: the counts in Redis can't be read while Redis is unavailable.
        await self._local.hit(limit, key)
        await self._shared_or_none(self._shared.hit(limit, key))

    async def _shared_or_none[T](self, request: Coroutine[Any, Any, T]) -> T | None:
        """Redis' answer, or None while Redis is unavailable."""
        if time.monotonic() < self._redis_again_at:
            request.close()
            return None
        try:
            with spans.redis(_COMMAND):
                async with asyncio.timeout(_REDIS_SECONDS):
                    return await request
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis is unavailable; this process counts failed attempts by itself: %s", type(error).__name__)
            self._redis_again_at = time.monotonic() + _PAUSE_SECONDS
            return None


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
