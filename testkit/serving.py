"""The application in tests: its settings, and a server in a thread of the test."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import redis
import uvicorn
from starlette.types import ASGIApp

from local.services import HOST
from shared.services import Services
from shared.settings import Settings
from testkit.databases import SERVER, fresh_database
from testkit.instance import open_api
from testkit.secrecy import refuse_secrets_in_errors

# On a machine that runs other tests too, Redis answers later than the default limits allow.
PATIENT_CACHE = {"CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5"}


def catalog_settings(folder: Path, redis_url: str, **changes: Any) -> Settings:
    """Settings of an application with an empty catalog in this folder and an emptied Redis."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    values: dict[str, Any] = {
        "azure_functions_environment": "Development",
        "database_url": fresh_database(folder),
        "redis_url": redis_url,
        **{name.lower(): float(seconds) for name, seconds in PATIENT_CACHE.items()},
    }
    if SERVER:
        values["database_statement_seconds"] = 30.0
    return Settings(**values | changes)


def instance_environment(database_url: str, redis_url: str, **changes: str) -> dict[str, str]:
    """Environment of an instance that no user can sign in to."""
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "FIREBASE_AUTH_EMULATOR_HOST": f"{HOST}:1",
        **changes,
    }


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[httpx.Client]:
    """Serves an application, with its lifespan, and yields a client of it."""
    # Without the protocol's name asyncio leaves Nagle's algorithm on, and each reply waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        listener.listen(128)  # a request that comes before the server is up waits for it
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            hooks = {"response": [refuse_secrets_in_errors]}
            url = f"http://{HOST}:{listener.getsockname()[1]}"
            with httpx.Client(base_url=url, timeout=30, event_hooks=hooks) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def served_catalog(services: Services) -> Iterator[httpx.Client]:
    """Serves the whole API without its guards, and yields a client of it."""
    with served(open_api(services)) as client:
        yield client
