"""The application's credentials for Redis: Entra tokens of the managed identity in Azure, none elsewhere.

Azure Managed Redis without access keys accepts only Entra tokens, and closes a connection whose token has expired. So
each connection sends a new token at least three minutes before
(https://learn.microsoft.com/azure/redis/entra-for-authentication). Not run against Azure yet.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, override
from urllib.parse import urlsplit

from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

log = logging.getLogger(__name__)

_SCOPE = "https://redis.azure.com/.default"
# The credential caches a token until five minutes before its expiry.
_RENEW_SECONDS_BEFORE = 240.0
_MIN_PAUSE_SECONDS = 1.0


class EntraCredentials(CredentialProvider):
    """An identity's Entra token for Redis: the user is the identity's object id, the password is the token."""

    def __init__(self, credential: TokenCredential) -> None:
        """The credential caches the token and renews it before its expiry."""
        self._credential = credential
        # A thread of its own: fetching may hang, and the event loop's threads serve the database.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="redis-token")
        self._expires_on = 0.0

    @override
    def get_credentials(self) -> tuple[str, str]:
        """User and password. Raises redis.ConnectionError if there is no token."""
        import jwt
        from azure.core.exceptions import AzureError

        try:
            token = self._credential.get_token(_SCOPE)
            # Redis verifies the token.
            user = str(jwt.decode(token.token, options={"verify_signature": False})["oid"])
        except (AzureError, jwt.InvalidTokenError, KeyError, ValueError) as error:  # msal doesn't check for JSON
            raise RedisConnectionError(f"no token for Redis: {type(error).__name__}: {error}") from error
        self._expires_on = token.expires_on
        return user, token.token

    @override
    async def get_credentials_async(self) -> tuple[str, str]:
        """As `get_credentials`, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.get_credentials)

    async def keep_signed_in(self, sign_in: Callable[[str, str], Awaitable[None]]) -> None:
        """Signs a connection in with a new token before each expiry, until cancelled. Raises what `sign_in` raises."""
        while True:
            left = self._expires_on - time.time()
            await asyncio.sleep(max(left - _RENEW_SECONDS_BEFORE, left / 2, _MIN_PAUSE_SECONDS))
            try:
                user, token = await self.get_credentials_async()
            except RedisConnectionError as error:
                log.warning("Redis isn't sent a new token yet: %s", error)
            else:
                await sign_in(user, token)


def redis_credentials(redis_url: str, client_id: str | None) -> EntraCredentials | None:
    """Entra tokens if there is a managed identity and the URL has TLS and no password."""
    url = urlsplit(redis_url)
    return _managed_identity(client_id) if client_id and url.scheme == "rediss" and not url.password else None


@functools.cache
def _managed_identity(client_id: str) -> EntraCredentials:
    """One object for all connections, which share its token."""
    from shared.azure.credential import azure_credential

    return EntraCredentials(azure_credential(client_id))
