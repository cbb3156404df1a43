"""Failed tries, counted per e-mail and per address in a moving window: then the right password is refused too.

The counts are in Redis, through `limits`, for all instances; while Redis is away each process goes by its own. Keys
hold digests, since they outlive the request and show in Redis' own tools.
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

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from shared.http.problems import TooManyRequestsError
from shared.identity.redis_client import redis_client
from shared.settings import Settings
from shared.telemetry import metrics, spans

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

_WINDOW_MINUTES = 15
PER_EMAIL = RateLimitItemPerMinute(10, _WINDOW_MINUTES, "email")
PER_ADDRESS = RateLimitItemPerMinute(50, _WINDOW_MINUTES, "address")

_REDIS_SECONDS = 0.25
# What `limits` runs for both its questions.
_SCRIPT = "EVALSHA"
# So long Redis is left alone after a failure.
_ALONE_SECONDS = 5.0


class FailedTryError(Exception):
    """Raised within `Throttle.attempt` by a try that counts as failed."""


@dataclass(slots=True)
class _UnderWay:
    """The tries of one key that are under way in this process, and how many look at them."""

    tries: int = 0
    visitors: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Throttle:
    """Counts failed tries; belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._redis: Redis = redis_client(settings)
        url = f"async+{settings.redis_url.get_secret_value()}"
        storage = RedisStorage(
            url,
            implementation="redispy",
            key_prefix="identity:failures",
            connection_pool=self._redis.connection_pool,  # type: ignore[arg-type]  # documented, typed as plain values
        )
        self._everywhere = MovingWindowRateLimiter(storage)
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._redis_again_at = 0.0
        self._under_way: dict[tuple[RateLimitItem, str], _UnderWay] = {}

    @contextlib.asynccontextmanager
    async def attempt(self, email: str, address: str) -> AsyncIterator[None]:
        """A try by an e-mail from an address; FailedTryError in its body is counted and goes on.

        Raises TooManyRequestsError where there were too many before.
        """
        by_email, by_address = _digest(email.casefold()), _digest(address)
        async with self._place(PER_EMAIL, by_email), self._place(PER_ADDRESS, by_address):
            try:
                yield
            except FailedTryError:
                await self._count(PER_EMAIL, by_email)
                await self._count(PER_ADDRESS, by_address)
                raise

    async def close(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def _place(self, limit: RateLimitItem, key: str) -> AsyncIterator[None]:
        """A place among the tries under way: as many as may still fail. Without it, tries sent together all pass."""
        under_way = self._under_way.setdefault((limit, key), _UnderWay())
        under_way.visitors += 1
        try:
            async with under_way.changed:
                while await self._left(limit, key) <= under_way.tries:
                    await under_way.changed.wait()
                under_way.tries += 1
            try:
                yield
            finally:
                async with under_way.changed:
                    under_way.tries -= 1
                    under_way.changed.notify_all()
        finally:
            under_way.visitors -= 1
            if not under_way.visitors:
                del self._under_way[limit, key]

    async def _left(self, limit: RateLimitItem, key: str) -> int:
        """How many tries may still fail. Raises TooManyRequestsError where none may."""
        window = await self._everywhere_or_none(self._everywhere.get_window_stats(limit, key))
        if window is None:
            window = await self._here.get_window_stats(limit, key)
        if window.remaining > 0:
            return window.remaining
        metrics.THROTTLED.add(limit.namespace)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise TooManyRequestsError(
            f"Too many failed tries within {_WINDOW_MINUTES} minutes; try again in {seconds} s.", retry_after=seconds
        )

    async def _count(self, limit: RateLimitItem, key: str) -> None:
        # Here in any case: what only Redis has counted is lost to this process when Redis is.
        await self._here.hit(limit, key)
        await self._everywhere_or_none(self._everywhere.hit(limit, key))

    async def _everywhere_or_none[T](self, question: Coroutine[Any, Any, T]) -> T | None:
        """Redis' answer, or None while it is away."""
        if time.monotonic() < self._redis_again_at:
            question.close()
            return None
        try:
            with spans.redis(_SCRIPT):
                async with asyncio.timeout(_REDIS_SECONDS):
                    return await question
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Failed tries are counted by this process alone: %s", type(error).__name__)
            self._redis_again_at = time.monotonic() + _ALONE_SECONDS
            return None


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
