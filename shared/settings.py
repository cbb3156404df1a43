"""Every setting, typed, with its default and its reason. Environment first, then Key Vault.

The README's table of settings is made from the descriptions here; a test compares the two.
"""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    redis_url: Annotated[
        SecretStr, Field(description="`redis://…`, or `rediss://…` for TLS (Azure Managed Redis: port 10000).")
    ] = SecretStr("redis://127.0.0.1:6379")
    cache_enabled: Annotated[bool, Field(description="false: every read goes to SQL (for comparisons).")] = True
    cache_ttl: Annotated[int, Field(ge=1, description="Seconds that a cached page lives at most, ±10 %.")] = 600
    cache_timeout: Annotated[
        float, Field(gt=0, le=5, description="Seconds that one request waits for Redis at most, in all.")
    ] = 0.05

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
    import_max_reject_share: Annotated[
        float, Field(ge=0, le=1, description="An import with a larger share of bad rows fails.")
    ] = 0.5

    data_factory_endpoint: Annotated[
        str, Field(description="Azure Resource Manager; a loopback address locally, called without a token.")
    ] = "https://management.azure.com"
    data_factory_subscription_id: Annotated[str, Field(description="Subscription of the Data Factory.")] = "local"
    data_factory_resource_group: Annotated[str, Field(description="Resource group of the Data Factory.")] = "local"
    data_factory_name: Annotated[str, Field(description="Name of the Data Factory.")] = "local"

    @property
    def is_local(self) -> bool:
        """Whether this runs on somebody's own machine: what is open there is refused anywhere else."""
        return self.azure_functions_environment == "Development" and self.website_instance_id is None


@functools.cache
def load_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
