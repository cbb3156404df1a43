"""Settings from Azure Key Vault, through pydantic-settings' own source: lazily, once, and only what is missing.

Imported only where KEY_VAULT_URL is set. The vault's secrets are listed once at the start, and those are read that the
environment lacks; afterwards the vault may be away. A secret's name is its setting's with dashes for underscores.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, override

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from pydantic_settings import AzureKeyVaultSettingsSource
from pydantic_settings.sources.providers.azure import AzureKeyVaultMapping

from shared.azure.credential import azure_credential

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

# A start waits for each answer at most this long, and tries again twice: a vault that is away stops it soon.
_SECONDS = 5
_RETRIES = 2


class KeyVaultError(Exception):
    """The vault doesn't give its secrets; the text names the vault or the secret, never a value."""


def secret_client(url: str) -> SecretClient:
    """Microsoft's client of the vault."""
    from azure.keyvault.secrets import SecretClient

    return SecretClient(
        url,
        azure_credential(os.environ.get("AZURE_CLIENT_ID")),
        retry_total=_RETRIES,
        retry_backoff_factor=0.2,
        retry_backoff_max=_SECONDS,
        connection_timeout=_SECONDS,
        read_timeout=_SECONDS,
    )


class _Secrets(AzureKeyVaultMapping):
    """The vault's enabled secrets by setting; an error says which vault or secret, and what to look at."""

    def __init__(self, client: SecretClient, required: Sequence[str]) -> None:
        self._required = required  # first of all: the base class loads
        super().__init__(client, case_sensitive=False, snake_case_conversion=False, env_prefix=None)

    @override
    def _load_remote(self) -> dict[str, str]:
        try:
            return super()._load_remote()
        except AzureError as error:
            raise _error(f"{self._missing()}: the secrets of {self._secret_client.vault_url}", error) from None

    @override
    def __getitem__(self, key: str) -> str | None:
        try:
            return super().__getitem__(key)
        except AzureError as error:
            name = self._secret_map[key.lower()]
            raise _error(f"The secret {name} of {self._secret_client.vault_url}", error) from None

    def _missing(self) -> str:
        return ", ".join(name for name in self._required if name not in os.environ) or "KEY_VAULT_URL"


class KeyVaultSource(AzureKeyVaultSettingsSource):
    """Reads the secrets of the settings that the sources before it don't have. Raises KeyVaultError."""

    def __init__(self, settings_cls: type[BaseSettings], url: str, required: Sequence[str]) -> None:
        """`required` are the environment variables that an error names when the vault can't be read."""
        self._client = secret_client(url)
        self._required = required
        # The client has its credential; the base class needs none.
        super().__init__(settings_cls, url, self._client, dash_to_underscore=True)  # type: ignore[arg-type]

    @override
    def _load_env_vars(self) -> Mapping[str, str | None]:
        return _Secrets(self._client, self._required)

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        known = {field_name, field.validation_alias} & self.current_state.keys()
        return (None, field_name, False) if known else super().get_field_value(field, field_name)


def _error(what: str, error: AzureError) -> KeyVaultError:
    """Describes the error without Azure's text, which may contain what was sent."""
    match error:
        case ClientAuthenticationError():
            why = "this app's identity got no token; expected a managed identity, or a signed-in developer"
        case ServiceRequestError() | ServiceResponseError():
            why = "the vault can't be reached"
        case ResourceNotFoundError():
            why = "there is none (any more)"
        case HttpResponseError(status_code=403):
            why = "denied, or disabled; expected the role Key Vault Secrets User, and an enabled secret"
        case HttpResponseError(status_code=429):
            why = "the vault is throttling; start again in a minute"
        case HttpResponseError():
            why = f"the vault answered with status {error.status_code}"
        case _:
            why = "the vault's answer can't be used"
    return KeyVaultError(f"{what} can't be read: {why}.")
