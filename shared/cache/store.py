"""Pages and generations in Redis, behind the breaker."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.cache import generations, page
from shared.cache.breaker import Breaker, State
from shared.cache.keys import WRITABLE_KEY, View
from shared.cache.page import Page
from shared.cache.redis_client import CacheLostError, CacheRefusedError, CacheUnavailableError, RedisClient
from shared.cache.redis_protocol import Command
from shared.settings import Settings
from shared.telemetry import metrics, spans

_PROBE_SECONDS = 0.5
_CATCH_UP_SECONDS = 5.0
_TTL_SPREAD = 0.1
# An exchange that is given less isn't begun: giving it up would end the connection that all look-ups share.
_LEAST_SECONDS = 0.01

# A server that answers reads but refuses writes (full, read-only) can't be told of invalidations, and a process that
# only reads would never notice: so a look-up carries a write along when the last one is this old.
_WRITE_CHECK_SECONDS = 5.0
_WRITE_CHECK: Command = ("SET", WRITABLE_KEY, b"1", "EX", 60)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What Redis knew of a view: `generation` is None where it isn't to be used, `page` where it's a miss.

    `asked_at` is when it was asked (`time.monotonic`), `seconds_left` what the request may still wait for Redis.
    """

    generation: bytes | None
    page: Page | None
    asked_at: float
    seconds_left: float


BYPASS = Lookup(None, None, 0.0, 0.0)


class CacheStore:
    """What the rest of the application may ask of Redis."""

    def __init__(self, settings: Settings, catch_up: Callable[[], Awaitable[None]]) -> None:
        """`catch_up` applies the outbox; the breaker awaits it before it trusts Redis again."""
        self._enabled = settings.cache_enabled
        self._ttl = settings.cache_ttl
        self._read_seconds = settings.cache_timeout
        self._write_seconds = settings.cache_write_timeout
        # Apart, so that neither waits behind the other's longer limit.
        self._reads = RedisClient(settings, generations.renew_on_another_server)
        self._writes = RedisClient(settings, generations.renew_on_another_server)
        self._late_writes = RedisClient(settings, generations.renew_on_another_server)
        self._wrote_at = 0.0
        # Slow reads open the breaker too, and say nothing of whether writes get through.
        self._is_told = True
        self.breaker = Breaker(self._probe, catch_up)

    async def look_up(self, view: View) -> Lookup:
        """The view's generation and, where it is stored under that generation, its page: one round trip."""
        if not self._enabled or self.breaker.state is not State.CLOSED:
            return BYPASS
        began = time.monotonic()
        commands: list[Command] = [("MGET", view.generation_key, view.page_key)]
        if began - self._wrote_at > _WRITE_CHECK_SECONDS:
            commands.append(_WRITE_CHECK)
        try:
            (generation, raw), *_ = await self._exchange(commands, self._read_seconds)
            if generation is None or not generations.is_token(generation):
                left = self._read_seconds - (time.monotonic() - began)
                if left < _LEAST_SECONDS:
                    return BYPASS
                generation, raw = await self._make_generation(view.generation_key, left), None
        except CacheUnavailableError:
            return BYPASS
        seconds = time.monotonic() - began
        found = page.decode(raw, generation)
        if found is None:
            spans.redis_before("MGET", seconds)
            if raw is not None:
                metrics.STALE_TOKENS.add()
        return Lookup(generation, found, began, self._read_seconds - seconds)

    async def store(self, view: View, lookup: Lookup, fresh: Page) -> None:
        """Keeps a page under the generation that was read before its query; a failure is the breaker's to count."""
        if lookup.generation is None or self.breaker.state is not State.CLOSED:
            return
        if lookup.seconds_left < _LEAST_SECONDS or len(fresh.body) > page.MAX_PAGE_BYTES:
            return
        seconds = round(self._ttl * random.uniform(1 - _TTL_SPREAD, 1 + _TTL_SPREAD))  # noqa: S311  # spreads expiry
        raw = page.encode(fresh, lookup.generation)
        try:
            with spans.redis("SET"):
                await self._exchange([("SET", view.page_key, raw, "EX", max(1, seconds))], lookup.seconds_left)
        except CacheUnavailableError:
            return

    async def invalidate(self, tags: Iterable[str]) -> None:
        """Makes the pages of these tags unreachable. Raises CacheUnavailableError where Redis wasn't told."""
        if self.breaker.state is State.OPEN and not self._is_told:
            raise CacheUnavailableError("left alone after repeated failures")
        try:
            with spans.redis("SET"):
                await _tell(self._writes, generations.renewal(tags), self._write_seconds)
        except CacheUnavailableError as error:
            self._is_told = False
            # Whatever this process would read now may be stale.
            self.breaker.open(error)
            raise
        self._is_told = True

    async def invalidate_late(self, tags: Iterable[str]) -> None:
        """As `invalidate`, for tags that wait in the outbox: patient, and whatever the breaker says."""
        commands = generations.renewal(tags)
        if not commands:
            return
        with spans.redis("SET"):
            await _tell(self._late_writes, commands, _CATCH_UP_SECONDS)

    async def is_up(self) -> bool:
        """Whether Redis answers and takes writes."""
        try:
            await self._probe()
        except CacheUnavailableError:
            return False
        return True

    async def close(self) -> None:
        """Ends the probing and the connections."""
        await self.breaker.close()
        await asyncio.gather(self._reads.close(), self._writes.close(), self._late_writes.close())

    async def _make_generation(self, key: str, seconds: float) -> bytes | None:
        """The generation under a key where none stands, or something that isn't one."""
        try:
            _, generation, *_ = await self._reads.exchange(*generations.creation(key), seconds=seconds)
        except CacheRefusedError as error:
            if error.code != "WRONGTYPE":
                self.breaker.open(error)
                raise
            generation = None
        if generation is not None and generations.is_token(generation):
            return bytes(generation)
        await self._exchange(generations.repair(key), seconds)
        return None  # the next look-up finds it

    async def _probe(self) -> None:
        await self._late_writes.exchange(_WRITE_CHECK, seconds=_PROBE_SECONDS)

    async def _exchange(self, commands: Sequence[Command], seconds: float) -> list[Any]:
        try:
            replies = await self._reads.exchange(*commands, seconds=seconds)
        except CacheRefusedError as error:
            self.breaker.open(error)
            raise
        except CacheUnavailableError as error:
            self.breaker.failed(error)
            raise
        self.breaker.succeeded()
        if commands[-1][0] != "MGET":
            self._wrote_at = time.monotonic()
        return replies


async def _tell(link: RedisClient, commands: Sequence[Command], seconds: float) -> None:
    """Sends a renewal, past whatever another program has put in the place of the list of tags.

    Once more where the connection ended meanwhile: a server may close it at any time, and renewing twice does no harm.
    """
    began = time.monotonic()
    try:
        try:
            await link.exchange(*commands, seconds=seconds)
        except CacheLostError:
            await link.exchange(*commands, seconds=max(_LEAST_SECONDS, began + seconds - time.monotonic()))
    except CacheRefusedError as error:
        if error.code != "WRONGTYPE":
            raise
        await link.exchange(generations.DROP_LIST, *commands, seconds=seconds)
