"""The cache's settings. Loading this module loads no library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol


class RenewingCredentials(Protocol):
    """A `redis.credentials.CredentialProvider` whose passwords expire (an Entra token), and which renews them."""

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The password, or user and password, for a new connection."""

    async def keep_signed_in(self, sign_in: Callable[[str, str], Awaitable[None]]) -> None:
        """Calls `sign_in` with user and password before the connection's password expires, until cancelled."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What the cache needs to know; times are seconds."""

    # redis://[user:password@]host:port/database, or rediss:// for TLS with ?ssl_ca_certs=FILE for a CA of your own.
    url: str = field(repr=False)
    # Used in place of the URL's user and password.
    credentials: RenewingCredentials | None = None
    # False: every read goes to SQL. Writes invalidate all the same, for other processes that do use the cache.
    enabled: bool = True
    # How long a page lives if its view says nothing else, ±10 %.
    ttl: float = 600.0
    # How long a request waits for Redis, in all.
    read_timeout: float = 0.05
    # How long a write waits for its invalidation. A read that gives up asks SQL instead; a write that gives up leaves
    # stale pages until the next drain.
    write_timeout: float = 0.5
    # What all keys begin with: two applications on one Redis need two.
    key_prefix: str = "cache"
