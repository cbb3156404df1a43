"""Who the application is towards Redis: the managed identity in Azure, nobody in particular elsewhere.

Azure Managed Redis with access keys off takes Entra tokens only, and closes a connection whose token has ended: so it
is sent a new one, at least three minutes before (https://learn.microsoft.com/azure/redis/entra-for-authentication).
Not run against Azure yet.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypedDict, override
from urllib.parse import urlsplit

from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

log = logging.getLogger(__name__)

_SCOPE = "https://redis.azure.com/.default"
# The credential keeps a token until five minutes before its end; from then on it fetches another one.
_RENEW_SECONDS_BEFORE = 240.0
_LEAST_PAUSE_SECONDS = 1.0


class RedisCredentials(TypedDict, total=False):
    """Keyword arguments of redis-py's clients and pools."""

    credential_provider: EntraCredentials


class EntraCredentials(CredentialProvider):
    """An identity's Entra token in Redis' terms: the user is the identity's object id, the password the token."""

    def __init__(self, credential: TokenCredential) -> None:
        """The credential keeps the token, and fetches another one where it nears its end."""
        self._credential = credential
        # One of its own: fetching may hang, and the event loop's own threads serve the database.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="redis-token")
        self._expires_on = 0.0

    @override
    def get_credentials(self) -> tuple[str, str]:
        """User and password. Raises redis.ConnectionError where no token is to be had."""
        import jwt
        from azure.core.exceptions import AzureError

        try:
            token = self._credential.get_token(_SCOPE)
            # Read and not verified: Redis does that.
            user = str(jwt.decode(token.token, options={"verify_signature": False})["oid"])
        except (AzureError, jwt.InvalidTokenError, KeyError, ValueError) as error:  # msal takes whatever comes for JSON
            raise RedisConnectionError(f"no token for Redis: {type(error).__name__}: {error}") from error
        self._expires_on = token.expires_on
        return user, token.token

    @override
    async def get_credentials_async(self) -> tuple[str, str]:
        """As `get_credentials`, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.get_credentials)

    async def keep_signed_in(self, sign_in: Callable[[str, str], Awaitable[None]]) -> None:
        """Has a standing connection sign in with a new token before each one ends; until cancelled.

        Raises what `sign_in` raises.
        """
        while True:
            left = self._expires_on - time.time()
            await asyncio.sleep(max(left - _RENEW_SECONDS_BEFORE, left / 2, _LEAST_PAUSE_SECONDS))
            try:
                user, token = await self.get_credentials_async()
            except RedisConnectionError as error:
                log.warning("Redis isn't sent a new token yet: %s", error)
            else:
                await sign_in(user, token)


def redis_credentials(redis_url: str, client_id: str | None) -> RedisCredentials:
    """Entra tokens of the managed identity where there is one and the URL says TLS and no password; else nothing."""
    url = urlsplit(redis_url)
    if client_id is None or url.scheme != "rediss" or url.password:
        return {}
    return {"credential_provider": _managed_identity(client_id)}


@functools.cache
def _managed_identity(client_id: str) -> EntraCredentials:
    """One for all connections: they share its token."""
    from shared.azure.credential import azure_credential

    return EntraCredentials(azure_credential(client_id))
