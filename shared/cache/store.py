"""Pages and generations in Redis, behind the circuit breaker."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.cache import page
from shared.cache.breaker import CircuitBreaker, State
from shared.cache.errors import CacheUnavailableError, CommandRefusedError, ConnectionLostError
from shared.cache.generations import Generations, is_token
from shared.cache.keys import CacheKey, Keys, View
from shared.cache.page import Page
from shared.cache.redis_client import RedisClient
from shared.cache.redis_protocol import Command
from shared.cache.settings import CacheSettings
from shared.cache.telemetry import NO_TELEMETRY, CacheTelemetry

_PROBE_SECONDS = 0.5
_DRAIN_SECONDS = 5.0
_TTL_SPREAD = 0.1
# An exchange that would get less isn't begun: giving it up would end the connection that all look-ups share.
_MIN_SECONDS = 0.01

# A server that answers reads but refuses writes (full, read-only) can't be invalidated, and a process that only reads
# would never notice. So a look-up carries a write along when the last write is this old.
_WRITE_CHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """What Redis had for a view: `generation` is None where Redis is bypassed, `page` is None at a miss.

    `asked_at` is the time of the look-up (`time.monotonic`), `seconds_left` how long the request may still wait for
    Redis.
    """

    generation: bytes | None
    page: Page | None
    asked_at: float
    seconds_left: float


BYPASS = Lookup(None, None, 0.0, 0.0)


class CacheStore:
    """Looks pages up, stores them and invalidates tags; belongs to one event loop."""

    def __init__(
        self,
        settings: CacheSettings,
        catch_up: Callable[[], Awaitable[None]],
        telemetry: CacheTelemetry = NO_TELEMETRY,
    ) -> None:
        """`catch_up` applies the outbox; the breaker awaits it before Redis is read from again."""
        self._settings = settings
        self._enabled = settings.enabled
        self._read_seconds = settings.read_timeout
        self._keys = Keys(settings.key_prefix)
        self._generations = Generations(self._keys)
        self._write_check: Command = ("SET", self._keys.writable, b"1", "EX", 60)
        self._telemetry = telemetry
        # Three connections, so that none waits behind another's longer time limit.
        self._reads = RedisClient(settings, self._generations.renew_on_another_server)
        self._writes = RedisClient(settings, self._generations.renew_on_another_server)
        self._drains = RedisClient(settings, self._generations.renew_on_another_server)
        self._wrote_at = 0.0
        # Whether the last invalidation got through. Slow reads open the breaker too, and say nothing about writes.
        self._invalidates = True
        self.breaker = CircuitBreaker(self._probe, catch_up, telemetry.breaker_changed)

    def key_of(self, view: View) -> CacheKey:
        """Where the view stands in Redis."""
        return self._keys.of(view, self._settings.ttl)

    async def look_up(self, key: CacheKey) -> Lookup:
        """The view's generation and, if it is stored under that generation, its page: one round trip."""
        if not self._enabled or self.breaker.state is not State.CLOSED:
            return BYPASS
        began = time.monotonic()
        commands: list[Command] = [("MGET", key.generation, key.page)]
        if began - self._wrote_at > _WRITE_CHECK_SECONDS:
            commands.append(self._write_check)
        try:
            (generation, raw), *_ = await self._exchange(commands, self._read_seconds)
            if generation is None or not is_token(generation):
                left = self._read_seconds - (time.monotonic() - began)
                if left < _MIN_SECONDS:
                    return BYPASS
                generation, raw = await self._create_generation(key.generation, left), None
        except CacheUnavailableError:
            return BYPASS
        seconds = time.monotonic() - began
        found = page.decode(raw, generation)
        if found is None:
            self._telemetry.redis_command_ended("MGET", seconds)
            if raw is not None:
                self._telemetry.stale_page_found()
        return Lookup(generation, found, began, self._read_seconds - seconds)

    async def store(self, key: CacheKey, lookup: Lookup, fresh: Page) -> None:
        """Stores a page under the generation that was read before its query. The breaker counts a failure."""
        if lookup.generation is None or self.breaker.state is not State.CLOSED:
            return
        if lookup.seconds_left < _MIN_SECONDS or len(fresh.body) > page.MAX_PAGE_BYTES:
            return
        seconds = round(key.ttl * random.uniform(1 - _TTL_SPREAD, 1 + _TTL_SPREAD))  # noqa: S311  # spreads expiry
        raw = page.encode(fresh, lookup.generation)
        try:
            with self._telemetry.redis_command("SET"):
                await self._exchange([("SET", key.page, raw, "EX", max(1, seconds))], lookup.seconds_left)
        except CacheUnavailableError:
            return

    async def invalidate(self, tags: Iterable[str]) -> None:
        """Makes the pages of these tags unreachable. Raises CacheUnavailableError where Redis wasn't reached."""
        if self.breaker.state is State.OPEN and not self._invalidates:
            raise CacheUnavailableError("bypassed after repeated failures")
        try:
            with self._telemetry.redis_command("SET"):
                await self._renew(self._writes, self._generations.renewal(tags), self._settings.write_timeout)
        except CacheUnavailableError as error:
            self._invalidates = False
            # What this process would read from Redis now may be stale.
            self.breaker.open(error)
            raise
        self._invalidates = True

    async def invalidate_late(self, tags: Iterable[str]) -> None:
        """As `invalidate`, for tags that wait in the outbox: with a longer time limit, whatever the breaker's state."""
        commands = self._generations.renewal(tags)
        if not commands:
            return
        with self._telemetry.redis_command("SET"):
            await self._renew(self._drains, commands, _DRAIN_SECONDS)

    async def is_up(self) -> bool:
        """Whether Redis answers and accepts writes."""
        try:
            await self._probe()
        except CacheUnavailableError:
            return False
        return True

    async def close(self) -> None:
        """Ends the probing and the connections."""
        await self.breaker.close()
        await asyncio.gather(self._reads.close(), self._writes.close(), self._drains.close())

    async def _create_generation(self, key: str, seconds: float) -> bytes | None:
        """The generation under a key that had none, or had a value that isn't one."""
        try:
            _, generation, *_ = await self._reads.exchange(*self._generations.creation(key), seconds=seconds)
        except CommandRefusedError as error:
            if error.code != "WRONGTYPE":
                self.breaker.open(error)
                raise
            generation = None
        if generation is not None and is_token(generation):
            return bytes(generation)
        await self._exchange(self._generations.replacement(key), seconds)
        return None  # the next look-up finds it

    async def _probe(self) -> None:
        await self._drains.exchange(self._write_check, seconds=_PROBE_SECONDS)

    async def _exchange(self, commands: Sequence[Command], seconds: float) -> list[Any]:
        try:
            replies = await self._reads.exchange(*commands, seconds=seconds)
        except CommandRefusedError as error:
            self.breaker.open(error)
            raise
        except CacheUnavailableError as error:
            self.breaker.failed(error)
            raise
        self.breaker.succeeded()
        if commands[-1][0] != "MGET":
            self._wrote_at = time.monotonic()
        return replies

    async def _renew(self, client: RedisClient, commands: Sequence[Command], seconds: float) -> None:
        """Sends a renewal, also where another program's value stands in the place of the set of generations.

        A lost connection is tried once more: a server may close it at any time, and renewing twice does no harm.
        """
        began = time.monotonic()
        try:
            try:
                await client.exchange(*commands, seconds=seconds)
            except ConnectionLostError:
                await client.exchange(*commands, seconds=max(_MIN_SECONDS, began + seconds - time.monotonic()))
        except CommandRefusedError as error:
            if error.code != "WRONGTYPE":
                raise
            await client.exchange(self._generations.drop_set, *commands, seconds=seconds)
