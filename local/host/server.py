"""The HTTP server: uvicorn, started and stopped by the host instead of by signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING

import uvicorn

from local.host.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

# Kestrel's default: a client that reuses an idle connection must not find it closed earlier than in Azure.
_KEEP_ALIVE_SECONDS = 130


class Server(uvicorn.Server):
    """Serves an application on a socket until `stop` is set."""

    def __init__(self, app: ASGIApp, port: int, on_ready: Callable[[], None], *, log_requests: bool) -> None:
        """Configures the server; `on_ready` is called when it accepts connections."""
        super().__init__(
            uvicorn.Config(
                app,
                port=port,
                lifespan="off",
                http="httptools",
                ws="none",
                # The app evaluates X-Forwarded-For: to the host, the client is who connects.
                proxy_headers=False,
                server_header=False,
                access_log=log_requests,
                log_config=None,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the host."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to accept connections."""
        try:
            await super().startup(sockets)
        except OSError as error:
            # Two sockets can be bound to the same port until one of them listens.
            raise _unusable(self.config.port, error) from error
        self._on_ready()

    async def run_until(self, stop: asyncio.Event, listener: socket.socket) -> None:
        """Serves until `stop` is set, then waits until the running requests have ended."""
        serving = asyncio.create_task(self.serve([listener]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self.should_exit = True
        await serving


def bind(port: int) -> socket.socket:
    """A socket on a port of 127.0.0.1; port 0 for any free one.

    Raises:
        HostError: the port is taken or can't be used.
    """
    # The protocol is explicit: only then asyncio disables Nagle's algorithm, with which a response in two parts waits
    # 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise _unusable(port, error) from error
    return listener


def _unusable(port: int, error: OSError | OverflowError) -> HostError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return HostError(f"The port {port} is taken.")
    return HostError(f"The port {port} can't be used: {error}.")
