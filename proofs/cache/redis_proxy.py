"""A proxy in front of Redis that keeps its clients' connections when the server behind it is replaced.

The endpoint of Azure Managed Redis does the same. It also hides the server's `run_id`, so a client can't detect a
failover by that alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from local.services import HOST, free_ports

_CHUNK = 64 * 1024


class RedisProxy:
    """Forwards connections to a server's port while `serving`."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self._target = 0
        self._switches: set[Callable[[], None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self, target: int) -> AsyncIterator[None]:
        """Listens, and forwards to the target's port."""
        self._target = target
        server = await asyncio.start_server(self._serve, HOST, self.port)
        try:
            yield
        finally:
            server.close()
            server.close_clients()

    def switch(self, target: int) -> None:
        """Forwards to another server from now on. Connections of clients stay open."""
        self._target = target
        for switch in list(self._switches):
            switch()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Serves one client: connects to the current server, and after each switch to the next."""
        reading: asyncio.Task[bytes] | None = None
        while True:
            server, to_server = await asyncio.open_connection(HOST, self._target)
            switched = asyncio.Event()
            self._switches.add(switched.set)
            waiting_for_switch = asyncio.create_task(switched.wait())
            forwarding = asyncio.create_task(_forward_replies(server, to_client))
            try:
                while not switched.is_set():
                    reading = reading or asyncio.create_task(client.read(_CHUNK))
                    await asyncio.wait({reading, forwarding, waiting_for_switch}, return_when=asyncio.FIRST_COMPLETED)
                    if reading.done():
                        command, reading = reading.result(), None
                        if not command:
                            return
                        to_server.write(command)
                    elif forwarding.done() and not switched.is_set():
                        return
            except OSError:
                return
            finally:
                self._switches.discard(switched.set)
                waiting_for_switch.cancel()
                forwarding.cancel()
                to_server.close()
                if not switched.is_set():
                    to_client.close()


async def _forward_replies(server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while reply := await server.read(_CHUNK):
            to_client.write(reply.replace(b"run_id:", b"hidden:"))
