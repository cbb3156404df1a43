"""Every setting with its type, default and description. The environment comes first, then Key Vault.

The README's table of settings is made from these descriptions; a test compares the two.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import os
import re
from typing import Annotated, Any, Literal, Self, override
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from shared.http.validation import expected_value

# Settings whose default is for a local machine only.
REQUIRED_ELSEWHERE = ("firebase_project_id", "firebase_web_api_key", "firebase_service_account")

# Values that keep a connection to SQL Server encrypted and verify its certificate, by keyword of the URL.
_VERIFIED = {"encrypt": frozenset({"yes", "mandatory", "strict"}), "trustservercertificate": frozenset({"no"})}

_VAULT_PATTERN = r"https://[^/\s]+/?"
_INSTRUMENTATION_KEY = r"(?i)(?:.*;)?InstrumentationKey=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:;.*)?"
_SERVICE_ACCOUNT_FIELDS = frozenset({"type", "project_id", "private_key", "client_email", "token_uri"})


def _matching(pattern: str, expected: str) -> AfterValidator:
    """Refuses a text that doesn't match the pattern, with a sentence instead of the pattern."""

    def check(value: str | SecretStr | None) -> str | SecretStr | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and not re.fullmatch(pattern, text):
            raise ValueError(f"Expected {expected}")
        return value

    return AfterValidator(check)


class SettingsError(Exception):
    """The app can't start. The text names each wrong setting and what was expected; it never shows a value."""


class Settings(BaseSettings):
    """The application's settings; each is read from the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    azure_functions_environment: Literal["Development", "Staging", "Production"] = "Production"
    """Set by the Functions host; Development on a local machine."""
    website_instance_id: str | None = None
    """Set by App Service. If it is set, this isn't a local machine."""

    database_url: SecretStr = SecretStr("sqlite:///.local/database/catalog.db")
    """SQLAlchemy URL: `sqlite:///file.db`, or `mssql+pyodbc://…` for Azure SQL."""
    database_pool_size: Annotated[int, Field(ge=1, le=64)] = 8
    """SQL connections of a process, and threads that use them."""
    database_statement_seconds: Annotated[float, Field(gt=0, le=300)] = 5.0
    """Seconds that a request's SQL statement may take, else 503."""
    database_login_seconds: Annotated[int, Field(ge=1, le=60)] = 15
    """Seconds that signing in to Azure SQL may take."""
    database_retry_seconds: Annotated[float, Field(ge=0, le=230)] = 60.0
    """Seconds that a request retries while Azure SQL fails over or resumes."""

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379")
    """`redis://…`, or `rediss://…` for TLS (Azure Managed Redis: port 10000)."""
    cache_enabled: bool = True
    """false: every read goes to SQL, for comparisons. Writes still invalidate Redis."""
    cache_ttl: Annotated[int, Field(ge=1)] = 600
    """Maximum seconds that a page is cached, ±10 %."""
    cache_timeout: Annotated[float, Field(gt=0, le=5)] = 0.05
    """Maximum seconds that a request waits for Redis, in total."""
    # Longer than a read's: a read that gives up queries SQL, a write that gives up leaves stale pages until the drain.
    cache_write_timeout: Annotated[float, Field(gt=0, le=5)] = 0.5
    """Maximum seconds that a write waits for the invalidation in Redis."""

    azure_client_id: str | None = None
    """Client id of the user-assigned managed identity; not needed locally."""

    import_storage: SecretStr | None = None
    """Connection string of the storage account; in Azure IMPORT_STORAGE__blobServiceUri instead."""
    import_storage_blob_uri: Annotated[str | None, Field(validation_alias="IMPORT_STORAGE__blobServiceUri")] = None
    """Blob endpoint of the storage account, for the managed identity."""
    blob_trigger_source: Literal["EventGrid", "LogsAndContainerScan"] = "EventGrid"
    """How the host finds new blobs: by events (Azure) or by scanning (local)."""
    import_event_lost_seconds: Annotated[float, Field(ge=0)] = 60.0
    """Seconds after which a blob without an import counts as one whose event was lost."""
    import_max_reject_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Largest share of rejected rows; an import with more fails."""

    data_factory_endpoint: str = "https://management.azure.com"
    """URL of Azure Resource Manager; a loopback address is called without a token."""
    data_factory_subscription_id: str = "local"
    """Subscription of the Data Factory."""
    data_factory_resource_group: str = "local"
    """Resource group of the Data Factory."""
    data_factory_name: str = "local"
    """Name of the Data Factory."""

    key_vault_url: Annotated[str | None, _matching(_VAULT_PATTERN, "https://{vault}.vault.azure.net")] = None
    """URL of the Key Vault with settings that the environment lacks, for example the secret `FIREBASE-WEB-API-KEY`."""
    firebase_project_id: Annotated[str, _matching(r"[a-z0-9-]{4,30}", "4 to 30 characters of a-z, 0-9 and -")] = (
        "demo-product-catalog"
    )
    """Id of the Firebase project."""
    firebase_web_api_key: Annotated[SecretStr, Field(min_length=1)] = SecretStr("any-key-serves-the-emulator")
    """Web API key of the Firebase project, for sign-up and log-in."""
    firebase_service_account: SecretStr | None = None
    """JSON key of a service account that may manage users; not needed for the emulator."""
    firebase_auth_emulator_host: Annotated[str | None, _matching(r"[^/\s]+:[0-9]+", "host:port")] = None
    """host:port of the Firebase Auth emulator. Only on a local machine, because the emulator doesn't sign tokens."""
    firebase_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Maximum seconds that a request waits for Firebase, in total."""

    applicationinsights_connection_string: Annotated[
        SecretStr | None, _matching(_INSTRUMENTATION_KEY, "InstrumentationKey={GUID};IngestionEndpoint=https://…")
    ] = None
    """Destination of traces, metrics and logs; without it telemetry is off."""
    telemetry_sampling_ratio: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the traces that is sent. Imports, errors and metrics are always sent."""

    @field_validator(
        "firebase_auth_emulator_host", "key_vault_url", "applicationinsights_connection_string", mode="before"
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None

    @field_validator("database_url")
    @classmethod
    def _reaches_its_database_safely(cls, value: SecretStr) -> SecretStr:
        check_transport(value.get_secret_value())
        return value

    @field_validator("firebase_service_account")
    @classmethod
    def _is_service_account(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                account = json.loads(value.get_secret_value())
            except ValueError:
                account = None
            if not isinstance(account, dict) or not account.keys() >= _SERVICE_ACCOUNT_FIELDS:
                fields = ", ".join(sorted(_SERVICE_ACCOUNT_FIELDS))
                raise ValueError(f"Expected a service account's key: a JSON object with {fields}")
        return value

    @model_validator(mode="after")
    def _is_safe_where_it_runs(self) -> Self:
        if self.is_local:
            return self
        if self.firebase_auth_emulator_host is not None:
            raise ValueError(
                "FIREBASE_AUTH_EMULATOR_HOST: expected no value, because this isn't a local machine "
                "(AZURE_FUNCTIONS_ENVIRONMENT=Development and no WEBSITE_INSTANCE_ID), "
                "and anyone can forge the emulator's tokens"
            )
        missing = [name.upper() for name in REQUIRED_ELSEWHERE if name not in self.model_fields_set]
        if missing:
            secrets = ", ".join(name.replace("_", "-") for name in missing)
            kind, values = ("secret", "a value") if len(missing) == 1 else ("secrets", "values")
            vault = f" or as the enabled {kind} {secrets} of {self.key_vault_url}" if self.key_vault_url else ""
            raise ValueError(f"{', '.join(missing)}: expected {values} in the environment{vault}, got none")
        return self

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the Key Vault of KEY_VAULT_URL, if any."""
        key_vault_url = os.environ.get("KEY_VAULT_URL", "")
        if not re.fullmatch(_VAULT_PATTERN, key_vault_url):  # the field refuses a malformed URL
            return init_settings, env_settings
        from shared.azure.key_vault import KeyVaultSource

        required = [name.upper() for name in REQUIRED_ELSEWHERE]
        return init_settings, env_settings, KeyVaultSource(settings_cls, key_vault_url, required)

    @property
    def is_local(self) -> bool:
        """Whether this is a local machine, where the emulators are allowed."""
        return self.azure_functions_environment == "Development" and self.website_instance_id is None


def check_transport(url: str) -> None:
    """Checks that a SQL Server URL requires encryption and a verified certificate; other databases pass.

    A server on this machine may switch both off. Raises ValueError; the text doesn't contain the URL.
    """
    parts = urlsplit(url)
    if not parts.scheme.startswith("mssql"):
        return
    asked = {keyword.lower(): value.lower() for keyword, value in parse_qsl(parts.query)}
    if not parts.hostname or "odbc_connect" in asked or "dsn" in asked:
        raise ValueError("Expected mssql+pyodbc://server:port/database?…, got one without the server's name")
    for keyword, verified in _VERIFIED.items():
        if asked.get(keyword, min(verified)) not in verified and not is_loopback(parts.hostname):
            expected = " or ".join(sorted(verified))
            raise ValueError(f"Expected {keyword}={expected} for a server that isn't on this machine")


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is this machine's loopback interface."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@functools.cache
def load_settings() -> Settings:
    """The settings of the process, read once. Raises SettingsError."""
    return read_settings()


def read_settings(**given: Any) -> Settings:  # noqa: ANN401  # any field's value
    """Reads the settings; the given ones come before the environment.

    Raises SettingsError for a missing or malformed setting, and where Key Vault can't be read.
    """
    try:
        return Settings(**given)
    except SourceError as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        raise SettingsError("; ".join(map(_fault, error.errors()))) from None


def _fault(error: ErrorDetails) -> str:
    """The sentence of a wrong setting: its name in the environment and what was expected."""
    if not error["loc"]:  # the model's validator names the setting itself
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    field = Settings.model_fields.get(name)
    return f"{name.upper()}: expected {expected_value(error)}" + (f" ({field.description})" if field else "")
