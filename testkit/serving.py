"""Applications that uvicorn serves in a thread of the test, on a free port."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import httpx
import uvicorn
from starlette.types import ASGIApp

from shared.services import Services
from testkit.instance import open_api
from testkit.secrecy import refuse_secrets_in_errors


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[httpx.Client]:
    """Serves an application, with its lifespan, and yields a client of it."""
    # Without the protocol's name asyncio leaves Nagle's algorithm on, and each reply waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # a request that comes before the server is up waits for it
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


@contextlib.contextmanager
def served_catalog(services: Services) -> Iterator[httpx.Client]:
    """Serves the whole API without its guards, and yields a client of it."""
    with served(open_api(services)) as client:
        yield client
