"""Tells all instances through Redis that a user's tokens were revoked.

Each instance caches accounts (token_verifier.py). An instance that revokes tokens publishes the uid. The others drop
the account from their cache, acknowledge, and fetch it again at the user's next request. So every instance refuses
the tokens at once, and no request pays a round trip for that. An instance that isn't subscribed, because Redis is
unavailable, notices when its cached account expires. It drops all accounts when it subscribes again.
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

from shared.telemetry import spans

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

_CHANNEL = "identity:revocations"
_ACKNOWLEDGEMENT_TIMEOUT_SECONDS = 0.5
_ACKNOWLEDGEMENT_TTL_SECONDS = 10
_PING_SECONDS = 15.0
_RECONNECT_SECONDS = 1.0


class RevocationChannel:
    """The channel between the instances; belongs to one event loop."""

    def __init__(self, redis: Redis, forget: Callable[[str], None], forget_all: Callable[[], None]) -> None:
        """`forget` drops a user's cached account, `forget_all` every cached account."""
        self._redis = redis
        self._forget = forget
        self._forget_all = forget_all
        self._listening: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Subscribes in the background, unless that has happened already."""
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def publish(self, uid: str) -> None:
        """Returns when every subscribed instance has dropped the user's account, or after the timeout."""
        self._forget(uid)
        acknowledgements = f"identity:forgotten:{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(_ACKNOWLEDGEMENT_TIMEOUT_SECONDS):
                with spans.redis("PUBLISH"):
                    message = json.dumps({"uid": uid, "acknowledgements": acknowledgements})
                    subscribers = await self._redis.publish(_CHANNEL, message)
                with spans.redis("BLPOP"):
                    for _ in range(subscribers):
                        await self._redis.blpop([acknowledgements])
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Other instances notice a revocation up to 60 s later: %s", type(error).__name__)

    async def close(self) -> None:
        """Unsubscribes."""
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):  # `publish` logs what matters
                await self._receive()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _receive(self) -> None:
        """Receives until the connection fails or a ping stays without a reply."""
        async with self._redis.pubsub() as channel:
            await channel.subscribe(_CHANNEL)
            pinged = False
            while True:
                message: dict[str, Any] | None = await channel.get_message(timeout=_PING_SECONDS)
                if message is None:
                    if pinged:
                        return
                    await channel.ping()
                    pinged = True
                    continue
                pinged = False
                match message["type"]:
                    case "subscribe":
                        # Earlier messages didn't reach this instance.
                        self._forget_all()
                    case "message":
                        await self._apply(json.loads(message["data"]))

    async def _apply(self, revocation: dict[str, str]) -> None:
        self._forget(revocation["uid"])
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.rpush(revocation["acknowledgements"], b"1")
            pipeline.expire(revocation["acknowledgements"], _ACKNOWLEDGEMENT_TTL_SECONDS)
            await pipeline.execute()
