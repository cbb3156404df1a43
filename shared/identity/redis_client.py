"""The Redis client of throttling and of the revocation channel."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.azure.redis_credentials import redis_credentials
from shared.settings import Settings

_CONNECT_SECONDS = 0.5


def redis_client(settings: Settings) -> Redis:
    """A client without retries: its callers go on without Redis."""
    url = settings.redis_url.get_secret_value()
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        credential_provider=redis_credentials(url, settings.azure_client_id),
    )
    return client
