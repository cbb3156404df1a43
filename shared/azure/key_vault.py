"""A pydantic-settings source for Azure Key Vault, whose errors name the setting or the secret.

pydantic-settings' own source reads every secret, also those that the environment has, and raises Azure's errors.

Imported only where KEY_VAULT_URL is set. The start lists the vault's secrets once and reads those that the environment
lacks. After the start the vault isn't used. A secret's name is the setting's name with dashes for underscores.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, override

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from pydantic_settings import PydanticBaseSettingsSource, SettingsError

from shared.azure.credential import azure_credential

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

# Limits of each request, so that a vault that is away stops the start soon.
_SECONDS = 5
_RETRIES = 2


class KeyVaultSource(PydanticBaseSettingsSource):
    """Reads the settings that the sources before it lack.

    Raises SettingsError for a secret that can't be read. The text names the vault or the secret, never a value.
    """

    def __init__(self, settings_cls: type[BaseSettings], url: str, required: Sequence[str]) -> None:
        """`required` are the environment variables that the error names if the vault can't be read."""
        from azure.keyvault.secrets import SecretClient

        super().__init__(settings_cls)
        self._client = SecretClient(
            url,
            azure_credential(os.environ.get("AZURE_CLIENT_ID")),
            retry_total=_RETRIES,
            retry_backoff_factor=0.2,
            retry_backoff_max=_SECONDS,
            connection_timeout=_SECONDS,
            read_timeout=_SECONDS,
        )
        self._required = required

    @override
    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        values = (self.get_field_value(field, name) for name, field in fields.items())
        return {key: value for value, key, _ in values if value is not None}

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        key = field.validation_alias if isinstance(field.validation_alias, str) else field_name
        secret = self._secrets.get(key.lower())
        if secret is None or {key, field_name} & self.current_state.keys():
            return None, key, False
        try:
            return self._client.get_secret(secret).value, key, False
        except AzureError as error:
            raise _error(f"The secret {secret} of {self._client.vault_url}", error) from None

    @functools.cached_property
    def _secrets(self) -> dict[str, str]:
        """The names of the vault's enabled secrets by setting."""
        try:
            names = [secret.name for secret in self._client.list_properties_of_secrets() if secret.enabled]
        except AzureError as error:
            missing = ", ".join(name for name in self._required if name not in os.environ) or "KEY_VAULT_URL"
            raise _error(f"{missing}: the secrets of {self._client.vault_url}", error) from None
        return {name.lower().replace("-", "_"): name for name in names if name}


def _error(what: str, error: AzureError) -> SettingsError:
    """Describes the error without Azure's text, which may contain secrets."""
    match error:
        case ClientAuthenticationError():
            why = "this app's identity got no token; expected a managed identity or a signed-in developer"
        case ServiceRequestError() | ServiceResponseError():
            why = "the vault can't be reached"
        case ResourceNotFoundError():
            why = "it doesn't exist"
        case HttpResponseError(status_code=403):
            why = "access is denied; expected the role Key Vault Secrets User and an enabled secret"
        case HttpResponseError(status_code=429):
            why = "the vault is throttling this app; start again in a minute"
        case HttpResponseError():
            why = f"the vault answered with status {error.status_code}"
        case _:
            why = "the vault sent an unexpected reply"
    return SettingsError(f"{what} can't be read: {why}.")
