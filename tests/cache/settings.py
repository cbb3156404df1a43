"""Settings of a cache of a test's own."""

from __future__ import annotations

from typing import Any

import redis

from shared.cache.settings import CacheSettings

# A machine busy with other tests is no slow Redis; tests of time limits set their own.
_PATIENT: dict[str, Any] = {"read_timeout": 2.0, "write_timeout": 5.0}


def cache_settings(url: str, **changes: Any) -> CacheSettings:
    """Settings with patient time limits for a Redis that this empties."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return CacheSettings(url=url, **_PATIENT | changes)
