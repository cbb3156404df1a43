"""Applications served by uvicorn in a thread of the test, on a free port, until the test ends."""

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

from shared.api import create_framework, in_front_of
from shared.services import Services
from shared.settings import Settings
from tests.databases import SERVER, fresh_database
from tests.guarding import let_everybody_in
from tests.secrecy import refuse_secrets_in_errors


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[httpx.Client]:
    """A client of the served application; its lifespan runs."""
    # The protocol is named, else asyncio leaves Nagle's algorithm on and each reply waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # a request waits for the server, instead of being refused before it is up
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            hooks = {"response": [refuse_secrets_in_errors]}
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=url, timeout=30, event_hooks=hooks) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def catalog_settings(folder: Path, redis_url: str, **changes: Any) -> Settings:
    """Settings of an application with an empty catalog in this folder and an emptied Redis."""
    database_url = fresh_database(folder)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    values: dict[str, Any] = {
        "azure_functions_environment": "Development",
        "database_url": database_url,
        "redis_url": redis_url,
        # A machine busy with other tests is no slow Redis; the tests of the time limits set their own.
        "cache_timeout": 2.0,
        "cache_write_timeout": 5.0,
    }
    if SERVER:
        values["database_statement_seconds"] = 30.0  # nor is it a slow statement
    return Settings(**values | changes)


@contextlib.contextmanager
def served_catalog(services: Services) -> Iterator[httpx.Client]:
    """A client of the whole API, in which everybody may write."""
    framework = create_framework(services)
    let_everybody_in(framework)
    with served(in_front_of(framework, services)) as client:
        yield client
