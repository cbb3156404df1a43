"""The addresses of a local cloud's services, and the application's settings for them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from local import PROJECT
from local.errors import LocalCloudError
from local.services import HOST, PROJECT_ID, free_ports, storage_connection_string

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = PROJECT / "local.settings.json.example"
LOCAL_SETTINGS = PROJECT / "local.settings.json"


@dataclass(frozen=True)
class Addresses:
    """The addresses of a local cloud's services. Redis and the database may be elsewhere: then they aren't started."""

    blob_port: int
    queue_port: int
    auth_port: int
    factory_port: int
    redis_url: str
    database_url: str

    @classmethod
    def free(cls, state: Path) -> Self:
        """Free ports, and a database in the state folder. The variables REDIS_URL and DATABASE_URL take precedence."""
        blob, queue, auth, factory, redis = free_ports(5)
        return cls(
            blob,
            queue,
            auth,
            factory,
            os.environ.get("REDIS_URL", f"redis://{HOST}:{redis}/0"),
            os.environ.get("DATABASE_URL", f"sqlite:///{state / 'database' / 'catalog.db'}"),
        )

    @classmethod
    def from_local_settings(cls) -> Self:
        """The ports in local.settings.json, which is copied from its example if it is missing.

        Raises:
            LocalCloudError: an address is missing or has no port.
        """
        if not LOCAL_SETTINGS.exists():
            LOCAL_SETTINGS.write_text(EXAMPLE.read_text())
        values = json.loads(LOCAL_SETTINGS.read_text())["Values"]
        try:
            storage = dict(part.split("=", 1) for part in values["IMPORT_STORAGE"].rstrip(";").split(";"))
            return cls(
                _port(storage["BlobEndpoint"]),
                _port(storage["QueueEndpoint"]),
                _port(f"//{values['FIREBASE_AUTH_EMULATOR_HOST']}"),
                _port(values["DATA_FACTORY_ENDPOINT"]),
                values["REDIS_URL"],
                values["DATABASE_URL"],
            )
        except (KeyError, ValueError) as error:
            raise LocalCloudError(
                f"{LOCAL_SETTINGS.name} has no usable address ({error}). Compare it with {EXAMPLE.name}."
            ) from error

    @property
    def storage(self) -> str:
        """The connection string of Blob and Queue Storage."""
        return storage_connection_string(self.blob_port, self.queue_port)

    @property
    def auth(self) -> str:
        """`host:port` of the Firebase Auth emulator."""
        return f"{HOST}:{self.auth_port}"

    @property
    def datafactory(self) -> str:
        """The endpoint of the local Data Factory."""
        return f"http://{HOST}:{self.factory_port}"

    @property
    def own_redis_port(self) -> int | None:
        """The port for the Valkey server to start; None if Redis is elsewhere, or the variable REDIS_URL is set."""
        url = urlsplit(self.redis_url)
        return url.port if url.hostname == HOST and url.scheme == "redis" and "REDIS_URL" not in os.environ else None


def port_of_local_settings() -> int:
    """The port of `func start`: LocalHttpPort in local.settings.json, or the default of Core Tools."""
    host = json.loads(LOCAL_SETTINGS.read_text()).get("Host", {})
    return int(host.get("LocalHttpPort", 7071))


def app_environment(addresses: Addresses) -> dict[str, str]:
    """The variables of the app and of the Data Factory beside those of this process.

    Settings of the example that are in the environment already are left out; addresses are always set.
    """
    example: dict[str, str] = json.loads(EXAMPLE.read_text())["Values"]
    defaults = {name: value for name, value in example.items() if name not in os.environ}
    return {
        **defaults,
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsStorage": addresses.storage,
        "IMPORT_STORAGE": addresses.storage,
        "DATABASE_URL": addresses.database_url,
        "REDIS_URL": addresses.redis_url,
        "DATA_FACTORY_ENDPOINT": addresses.datafactory,
        "FIREBASE_AUTH_EMULATOR_HOST": addresses.auth,
        "FIREBASE_PROJECT_ID": PROJECT_ID,
    }


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"{url} has no port")
    return port
