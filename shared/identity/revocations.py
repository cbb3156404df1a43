"""What an instance decides about a user's tokens, told to all the others through Redis, before its reply.

Each instance keeps for a while what Firebase said of a user (tokens.py). One that revokes publishes the uid; the others
forget the user, say so, and ask Firebase at his next request. So a token that was revoked through this API is refused
at once everywhere, and no request pays for that with a round trip. Whoever isn't listening (Redis is away) learns of it
within the time that he keeps what Firebase said; whoever begins to listen forgets everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from shared.identity.redis_client import redis_client
from shared.settings import Settings
from shared.telemetry import spans

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

_CHANNEL = "identity:revocations"
_ACKNOWLEDGED_SECONDS = 0.5
_ACKNOWLEDGEMENT_LIVES_SECONDS = 10
_SILENCE_SECONDS = 15.0
_AGAIN_SECONDS = 1.0


class Revocations:
    """The channel between the instances; belongs to one event loop."""

    def __init__(self, settings: Settings, forget: Callable[[str], None], forget_everybody: Callable[[], None]) -> None:
        self._redis: Redis = redis_client(settings)
        self._forget = forget
        self._forget_everybody = forget_everybody
        self._listening: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begins to listen, if this doesn't yet."""
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def tell(self, uid: str) -> None:
        """All instances that listen have forgotten the user when this returns, or didn't answer in time."""
        self._forget(uid)
        answers = f"identity:forgotten:{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(_ACKNOWLEDGED_SECONDS):
                with spans.redis("PUBLISH"):
                    listeners = await self._redis.publish(_CHANNEL, json.dumps({"uid": uid, "answers": answers}))
                with spans.redis("BLPOP"):
                    for _ in range(listeners):
                        await self._redis.blpop([answers])
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Other instances learn of a revocation from Firebase: %s", type(error).__name__)

    async def close(self) -> None:
        """Stops listening."""
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._redis.aclose()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):  # it is told of where something depends on it
                await self._hear()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self) -> None:
        """Until the connection fails, or nothing came back for twice the time of silence."""
        async with self._redis.pubsub() as channel:
            await channel.subscribe(_CHANNEL)
            silent = False
            while True:
                message: dict[str, Any] | None = await channel.get_message(timeout=_SILENCE_SECONDS)
                if message is None:
                    if silent:
                        return
                    await channel.ping()
                    silent = True
                    continue
                silent = False
                match message["type"]:
                    case "subscribe":
                        # What was said until now, nobody heard here.
                        self._forget_everybody()
                    case "message":
                        await self._obey(json.loads(message["data"]))

    async def _obey(self, told: dict[str, str]) -> None:
        self._forget(told["uid"])
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.rpush(told["answers"], b"1")
            pipeline.expire(told["answers"], _ACKNOWLEDGEMENT_LIVES_SECONDS)
            await pipeline.execute()
