"""The application's settings on this machine, composed here and nowhere else."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from local.errors import LocalCloudError
from local.processes import PROJECT
from local.services import HOST, PROJECT_ID, free_ports, storage_connection_string

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = PROJECT / "local.settings.json.example"
LOCAL_SETTINGS = PROJECT / "local.settings.json"


@dataclass(frozen=True)
class Addresses:
    """Where the parts of one local cloud are. A URL that isn't on a port of ours is another's, whom we don't start."""

    blob_port: int
    queue_port: int
    auth_port: int
    factory_port: int
    redis_url: str
    database_url: str

    @classmethod
    def free(cls, state: Path) -> Self:
        """Free ports, and a database in the state folder; REDIS_URL and DATABASE_URL of the environment win."""
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
    def of_local_settings(cls) -> Self:
        """The fixed ports of local.settings.json, which is made from its example where it isn't there.

        Raises:
            LocalCloudError: a setting that says where a part is is missing, or names no port of this machine.
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
                f"{LOCAL_SETTINGS.name} can't be used ({error}): compare it with {EXAMPLE.name}."
            ) from error

    @property
    def storage(self) -> str:
        """The connection string of blobs and queues."""
        return storage_connection_string(self.blob_port, self.queue_port)

    @property
    def auth(self) -> str:
        """host:port of the Auth emulator."""
        return f"{HOST}:{self.auth_port}"

    @property
    def datafactory(self) -> str:
        """Endpoint of the local Data Factory."""
        return f"http://{HOST}:{self.factory_port}"

    @property
    def own_redis_port(self) -> int | None:
        """The port of the Valkey to be started, or None where REDIS_URL names somebody else's."""
        url = urlsplit(self.redis_url)
        return url.port if url.hostname == HOST and url.scheme == "redis" and "REDIS_URL" not in os.environ else None


def port_of_local_settings() -> int:
    """The port on which `func start` serves the app: the file's, or Core Tools' own."""
    host = json.loads(LOCAL_SETTINGS.read_text()).get("Host", {})
    return int(host.get("LocalHttpPort", 7071))


def app_environment(addresses: Addresses) -> dict[str, str]:
    """What the app and the factory get in their environment beside what stands there already."""
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
        raise ValueError(f"{url} names no port")
    return port
