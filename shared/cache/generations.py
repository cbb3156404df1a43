"""Generations: a random token for each tag. A new token makes every page of the tag unreachable at once."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from shared.cache.errors import CommandRefusedError
from shared.cache.keys import Keys
from shared.cache.redis_protocol import Command

log = logging.getLogger(__name__)

# Longer than any page lives. A generation that expires is created with another token: its pages stay unreachable.
_GENERATION_SECONDS = 24 * 3600
# The set of generations outlives each generation that it names.
_SET_SECONDS = 2 * _GENERATION_SECONDS

_TOKEN_CHARACTERS = 16


def is_token(value: bytes) -> bool:
    """Whether this can be a generation, and not what another program wrote over it."""
    return len(value) == _TOKEN_CHARACTERS


def _new_token() -> bytes:
    """16 ASCII characters of 64 random bits."""
    return secrets.token_hex(_TOKEN_CHARACTERS // 2).encode()


class Generations:
    """The Redis commands that create and renew generations."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        # For a key of another type in the place of the set of generations.
        self.drop_set: Command = ("DEL", keys.generations)

    def creation(self, key: str) -> list[Command]:
        """The commands that create a missing generation. The second one replies with the generation that counts."""
        return [
            ("SET", key, _new_token(), "NX", "EX", _GENERATION_SECONDS),
            ("GET", key),
            ("SADD", self._keys.generations, key),
            ("EXPIRE", self._keys.generations, _SET_SECONDS),
        ]

    def renewal(self, tags: Iterable[str]) -> list[Command]:
        """The commands that make every page of these tags unreachable. Their cost is per tag, not per page."""
        return self._renewal([self._keys.generation(tag) for tag in tags])

    def replacement(self, key: str) -> list[Command]:
        """As `renewal`, where another program's value stands under the generation's key or the set's."""
        return [self.drop_set, *self._renewal([key])]

    def _renewal(self, keys: Sequence[str | bytes]) -> list[Command]:
        if not keys:
            return []
        generations = self._keys.generations
        commands: list[Command] = [("SET", key, _new_token(), "EX", _GENERATION_SECONDS) for key in keys]
        return [*commands, ("SADD", generations, *keys), ("EXPIRE", generations, _SET_SECONDS)]

    async def renew_on_another_server(self, exchange: Callable[[Sequence[Command]], Awaitable[list[Any]]]) -> None:
        """Renews all generations where the server isn't the one on which they were last known to be current.

        A server restarted from an older snapshot, or a replica promoted without the last writes, has forgotten
        invalidations. Both have another `run_id` (`INFO server`) than the one kept beside the generations. A service
        that hides its `run_id` can't be checked.
        """
        try:
            (info,) = await exchange([("INFO", "server")])
        except CommandRefusedError as error:
            log.info("Redis hides its run_id: %s", error)
            return
        run_id = next(
            (line.partition(b":")[2].strip() for line in bytes(info).splitlines() if line.startswith(b"run_id:")), None
        )
        if run_id is None:
            return
        # MGET and not GET: it replies with nil for a key of another type.
        ((known,),) = await exchange([("MGET", self._keys.server)])
        if run_id == known:
            return
        kind, *_ = await exchange([("TYPE", self._keys.generations)])
        if kind not in {b"set", b"none"}:
            await exchange([self.drop_set])
        (keys,) = await exchange([("SMEMBERS", self._keys.generations)])
        if known is not None:
            log.warning("Redis is another server than before: %d generations are renewed", len(keys))
        await exchange([*self._renewal(sorted(keys)), ("SET", self._keys.server, run_id, "EX", _SET_SECONDS)])
