"""Generations: a random token for each tag, whose change makes every page of the tag unreachable at once."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from shared.cache.keys import SERVER_KEY, TAGS_KEY, generation_key
from shared.cache.redis_protocol import Command

log = logging.getLogger(__name__)

# Longer than any page lives; one that ends is made anew with another token, so its pages stay unreachable.
_GENERATION_SECONDS = 24 * 3600
# The list of tags outlives each generation that it names.
_SCOPES_SECONDS = 2 * _GENERATION_SECONDS

# For where something that isn't ours stands in the place of the list of tags.
DROP_LIST: Command = ("DEL", TAGS_KEY)

_TOKEN_CHARACTERS = 16


def fresh_token() -> bytes:
    """16 ASCII characters of 64 random bits."""
    return secrets.token_hex(_TOKEN_CHARACTERS // 2).encode()


def creation(key: str) -> list[Command]:
    """The commands that make a generation that is missing; the second's reply is the one that counts."""
    return [
        ("SET", key, fresh_token(), "NX", "EX", _GENERATION_SECONDS),
        ("GET", key),
        ("SADD", TAGS_KEY, key),
        ("EXPIRE", TAGS_KEY, _SCOPES_SECONDS),
    ]


def renewal(tags: Iterable[str]) -> list[Command]:
    """The commands that make every page of these tags unreachable: their cost is per tag, not per page."""
    return _renewal([generation_key(tag) for tag in tags])


def repair(key: str) -> list[Command]:
    """As `renewal`, where something that isn't ours stands under the generation's key or the list's."""
    return [DROP_LIST, *_renewal([key])]


def is_token(value: bytes) -> bool:
    """Whether this can be a generation, and not what another program wrote over it."""
    return len(value) == _TOKEN_CHARACTERS


def _renewal(keys: Sequence[str | bytes]) -> list[Command]:
    if not keys:
        return []
    commands: list[Command] = [("SET", key, fresh_token(), "EX", _GENERATION_SECONDS) for key in keys]
    return [*commands, ("SADD", TAGS_KEY, *keys), ("EXPIRE", TAGS_KEY, _SCOPES_SECONDS)]


async def renew_on_another_server(exchange: Callable[[Sequence[Command]], Awaitable[list[Any]]]) -> None:
    """Makes all generations anew where the server isn't the one that they were last known good on.

    A server restarted from an older snapshot, or a replica promoted without the last writes, has forgotten
    invalidations. Both show by another `run_id` (`INFO server`) than the one kept beside the generations. Where a
    service hides it there is nothing to compare.
    """
    try:
        (info,) = await exchange([("INFO", "server")])
    except ResponseError as error:
        log.info("Redis hides which server it is: %s", error)
        return
    run_id = next(
        (line.partition(b":")[2].strip() for line in bytes(info).splitlines() if line.startswith(b"run_id:")), None
    )
    if run_id is None:
        return
    # MGET and not GET: a key of another type than a text is nobody's run_id.
    ((known,),) = await exchange([("MGET", SERVER_KEY)])
    if run_id == known:
        return
    kind, *_ = await exchange([("TYPE", TAGS_KEY)])
    if kind not in {b"set", b"none"}:
        await exchange([DROP_LIST])
    (keys,) = await exchange([("SMEMBERS", TAGS_KEY)])
    if known is not None:
        log.warning("Redis is another server than before: %d generations are made anew", len(keys))
    await exchange([*_renewal(sorted(keys)), ("SET", SERVER_KEY, run_id, "EX", _SCOPES_SECONDS)])
