"""Who the application is towards Redis: the managed identity in Azure, nobody in particular elsewhere.

Azure Managed Redis with access keys off takes Entra tokens only; redis-entraid fetches and renews them
(https://learn.microsoft.com/azure/redis/entra-for-authentication). Not run against Azure yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

from shared.settings import Settings

if TYPE_CHECKING:
    from redis.credentials import CredentialProvider

_RESOURCE = "https://redis.azure.com/"


class RedisCredentials(TypedDict, total=False):
    """Keyword arguments of redis-py's clients and pools."""

    credential_provider: CredentialProvider


def redis_credentials(settings: Settings) -> RedisCredentials:
    """Entra tokens of the managed identity where there is one and REDIS_URL says TLS and no password; else nothing."""
    url = urlsplit(settings.redis_url.get_secret_value())
    if settings.azure_client_id is None or url.scheme != "rediss" or url.password:
        return {}
    from redis_entraid.cred_provider import create_from_managed_identity
    from redis_entraid.identity_provider import ManagedIdentityIdType, ManagedIdentityType

    return {
        "credential_provider": create_from_managed_identity(
            ManagedIdentityType.USER_ASSIGNED,
            _RESOURCE,
            ManagedIdentityIdType.CLIENT_ID,
            settings.azure_client_id,
        )
    }
