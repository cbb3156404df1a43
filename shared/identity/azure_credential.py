"""Who the application is towards Azure's services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def azure_credential(settings: Settings) -> TokenCredential:
    """The user-assigned managed identity where its client id is set, else what DefaultAzureCredential finds."""
    return credential_of(settings.azure_client_id)


def credential_of(client_id: str | None) -> TokenCredential:
    """As `azure_credential`, for the time before there are settings."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if client_id:
        return ManagedIdentityCredential(client_id=client_id)
    return DefaultAzureCredential()
