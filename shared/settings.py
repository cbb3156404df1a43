"""Every setting, typed, with its default and its reason. Environment first, then Key Vault.

The README's table of settings is made from the descriptions here; a test compares the two.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import os
import re
from typing import Annotated, Any, Literal, Self, override
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

# Settings that have a default on a local machine only.
REQUIRED_ELSEWHERE = ("firebase_project_id", "firebase_web_api_key", "firebase_service_account")

# Values that keep a connection to SQL Server encrypted and its certificate verified, by keyword of the URL.
_VERIFIED = {"encrypt": frozenset({"yes", "mandatory", "strict"}), "trustservercertificate": frozenset({"no"})}

_VAULT_PATTERN = r"^https://[^/\s]+/?$"
_INSTRUMENTATION_KEY = re.compile(
    r"(?:^|;)InstrumentationKey=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:;|$)", re.IGNORECASE
)
_SERVICE_ACCOUNT_FIELDS = frozenset({"type", "project_id", "private_key", "client_email", "token_uri"})


class SettingsError(Exception):
    """The app can't start. The text names each setting at fault and what was expected, never a value."""


class Settings(BaseSettings):
    """The application's settings; each is read from the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    azure_functions_environment: Annotated[
        Literal["Development", "Staging", "Production"],
        Field(description="Set by the Functions host: Development on a machine of one's own."),
    ] = "Production"
    website_instance_id: Annotated[
        str | None, Field(description="Set by App Service: its presence says that this isn't a local machine.")
    ] = None

    database_url: Annotated[
        SecretStr,
        Field(description="SQLAlchemy URL: `sqlite:///file.db`, or `mssql+pyodbc://…` for Azure SQL."),
    ] = SecretStr("sqlite:///.local/database/catalog.db")
    database_pool_size: Annotated[
        int, Field(ge=1, le=64, description="SQL connections, and threads that use them, in a process.")
    ] = 8
    database_statement_seconds: Annotated[
        float, Field(gt=0, le=300, description="A request's SQL that takes longer is ended: 503.")
    ] = 5.0

    database_login_seconds: Annotated[
        int, Field(ge=1, le=60, description="Seconds that signing in to Azure SQL may take.")
    ] = 15
    database_retry_seconds: Annotated[
        float,
        Field(ge=0, le=230, description="Seconds that a request goes on trying while Azure SQL moves or wakes up."),
    ] = 60.0

    redis_url: Annotated[
        SecretStr, Field(description="`redis://…`, or `rediss://…` for TLS (Azure Managed Redis: port 10000).")
    ] = SecretStr("redis://127.0.0.1:6379")
    cache_enabled: Annotated[
        bool, Field(description="false: every read goes to SQL (for comparisons); writes tell Redis all the same.")
    ] = True
    cache_ttl: Annotated[int, Field(ge=1, description="Seconds that a cached page lives at most, ±10 %.")] = 600
    cache_timeout: Annotated[
        float, Field(gt=0, le=5, description="Seconds that one request waits for Redis at most, in all.")
    ] = 0.05
    # Longer than a read's: a read that gives up just asks SQL, a write leaves a stale page until the drain.
    cache_write_timeout: Annotated[
        float, Field(gt=0, le=5, description="Seconds that a write waits to tell Redis what is stale.")
    ] = 0.5

    azure_client_id: Annotated[
        str | None, Field(description="Client id of the user-assigned managed identity; locally none is needed.")
    ] = None

    import_storage: Annotated[
        SecretStr | None,
        Field(description="Connection string of the storage account; in Azure IMPORT_STORAGE__blobServiceUri instead."),
    ] = None
    import_storage_blob_uri: Annotated[
        str | None,
        Field(
            validation_alias="IMPORT_STORAGE__blobServiceUri",
            description="Blob endpoint of the storage account, reached with the managed identity.",
        ),
    ] = None
    blob_trigger_source: Annotated[
        Literal["EventGrid", "LogsAndContainerScan"],
        Field(description="How the host learns of new blobs: by events (Azure), or by scanning (local)."),
    ] = "EventGrid"
    import_event_lost_seconds: Annotated[
        float,
        Field(ge=0, description="A blob that is there for so many seconds without an import: its event was lost."),
    ] = 60.0
    import_max_reject_share: Annotated[
        float, Field(ge=0, le=1, description="An import with a larger share of bad rows fails.")
    ] = 0.5

    data_factory_endpoint: Annotated[
        str, Field(description="Azure Resource Manager; a loopback address locally, called without a token.")
    ] = "https://management.azure.com"
    data_factory_subscription_id: Annotated[str, Field(description="Subscription of the Data Factory.")] = "local"
    data_factory_resource_group: Annotated[str, Field(description="Resource group of the Data Factory.")] = "local"
    data_factory_name: Annotated[str, Field(description="Name of the Data Factory.")] = "local"

    key_vault_url: Annotated[
        str | None,
        Field(
            pattern=_VAULT_PATTERN,
            description="Key Vault whose secrets serve as settings that the environment lacks: the secret "
            "`FIREBASE-WEB-API-KEY` is FIREBASE_WEB_API_KEY.",
        ),
    ] = None
    firebase_project_id: Annotated[
        str, Field(pattern=r"^[a-z0-9-]{4,30}$", description="Firebase project whose users these are.")
    ] = "demo-product-catalog"
    firebase_web_api_key: Annotated[
        SecretStr, Field(min_length=1, description="Web API key of the Firebase project: sign-up and log-in need it.")
    ] = SecretStr("any-key-serves-the-emulator")
    firebase_service_account: Annotated[
        SecretStr | None,
        Field(description="JSON of a service account that may manage the project's users; the emulator needs none."),
    ] = None
    firebase_auth_emulator_host: Annotated[
        str | None,
        Field(
            pattern=r"^[^/\s]+:[0-9]+$",
            description="host:port of the Firebase Auth emulator, whose tokens anybody can forge: only on a local "
            "machine.",
        ),
    ] = None
    firebase_seconds: Annotated[
        float, Field(gt=0, le=60, description="Seconds that a request waits for Firebase at most, in all.")
    ] = 5.0

    applicationinsights_connection_string: Annotated[
        SecretStr | None,
        Field(description="Where traces, metrics and logs go; without it telemetry is off, and costs nothing."),
    ] = None
    telemetry_sampling_ratio: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the traces that is sent with all in them; imports, errors and metrics are all sent.",
        ),
    ] = 0.05

    @field_validator(
        "firebase_auth_emulator_host", "key_vault_url", "applicationinsights_connection_string", mode="before"
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None

    @field_validator("applicationinsights_connection_string")
    @classmethod
    def _names_an_application_insights(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _INSTRUMENTATION_KEY.search(value.get_secret_value()):
            raise ValueError("expected InstrumentationKey=<GUID>;IngestionEndpoint=https://…")
        return value

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
                "FIREBASE_AUTH_EMULATOR_HOST: expected only on a local machine "
                "(AZURE_FUNCTIONS_ENVIRONMENT=Development and no WEBSITE_INSTANCE_ID), "
                "since anybody can forge the emulator's tokens"
            )
        missing = [name.upper() for name in REQUIRED_ELSEWHERE if name not in self.model_fields_set]
        if missing:
            secrets = ", ".join(name.replace("_", "-") for name in missing)
            vault = f", or as an enabled secret {secrets} of {self.key_vault_url}" if self.key_vault_url else ""
            raise ValueError(f"{', '.join(missing)}: required, but missing; expected in the environment{vault}")
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
        """The environment first, then Key Vault, where KEY_VAULT_URL names one."""
        key_vault_url = os.environ.get("KEY_VAULT_URL", "")
        if not re.fullmatch(_VAULT_PATTERN, key_vault_url):  # one that is malformed the field refuses by its name
            return init_settings, env_settings
        from shared.azure.key_vault import KeyVaultError, KeyVaultSource

        required = [name.upper() for name in REQUIRED_ELSEWHERE]
        try:
            vault = KeyVaultSource(settings_cls, key_vault_url, required)
        except KeyVaultError as error:
            raise SettingsError(str(error)) from None
        return init_settings, env_settings, vault

    @property
    def is_local(self) -> bool:
        """Whether this runs on somebody's own machine: what is open there is refused anywhere else."""
        return self.azure_functions_environment == "Development" and self.website_instance_id is None


def check_transport(url: str) -> None:
    """Checks that a SQL Server URL asks for encryption and a verified certificate; other databases pass.

    A server on this machine may have both switched off. Raises ValueError; the text doesn't contain the URL.
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
    """Tells whether a host name or IP address is this machine's loopback interface."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@functools.cache
def load_settings() -> Settings:
    """The process's settings, read once. Raises SettingsError."""
    return read_settings()


def read_settings(**given: Any) -> Settings:  # noqa: ANN401  # any field's value
    """The settings as they are now; those given come before the environment.

    Raises SettingsError where one is missing or malformed, or Key Vault doesn't give its secrets.
    """
    try:
        return Settings(**given)
    except SourceError as error:
        from shared.azure.key_vault import KeyVaultError

        # pydantic-settings wraps what a source raises.
        if isinstance(error.__cause__, KeyVaultError):
            raise SettingsError(str(error.__cause__)) from None
        raise SettingsError("A setting can't be read from its source.") from None
    except ValidationError as error:
        raise SettingsError("; ".join(map(_fault, error.errors(include_input=False, include_context=False)))) from None


def _fault(error: ErrorDetails) -> str:
    """One setting at fault: its name in the environment, and what was expected."""
    name = ".".join(map(str, error["loc"])).upper()
    message = error["msg"].removeprefix("Value error, ")
    if not name:
        return message
    field = Settings.model_fields.get(name.lower())
    return f"{name}: {message}" + (f" ({field.description})" if field else "")
