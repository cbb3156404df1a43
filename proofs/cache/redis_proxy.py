"""A way to Redis that keeps its clients' connections when the server behind it is replaced.

So does the endpoint of Azure Managed Redis. Nor does it show the server's `run_id`: a client that goes by it alone
would never learn that there was a failover.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from local.services import HOST, free_ports

_CHUNK = 64 * 1024


class RedisProxy:
    """Forwards to a server's port; `async with proxy.serving()`."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self._target = 0
        self._switches: set[Callable[[], None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self, target: int) -> AsyncIterator[None]:
        """Listens, and forwards to this port."""
        self._target = target
        server = await asyncio.start_server(self._serve, HOST, self.port)
        try:
            yield
        finally:
            server.close()
            server.close_clients()

    def switch(self, target: int) -> None:
        """Forwards to another server from now on, on the connections that there are."""
        self._target = target
        for switch in list(self._switches):
            switch()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """One client's connection: to one server, and after each switch to the next."""
        asking: asyncio.Task[bytes] | None = None
        while True:
            server, to_server = await asyncio.open_connection(HOST, self._target)
            switched = asyncio.Event()
            self._switches.add(switched.set)
            waiting_for_switch = asyncio.create_task(switched.wait())
            answering = asyncio.create_task(_forward_replies(server, to_client))
            try:
                while not switched.is_set():
                    asking = asking or asyncio.create_task(client.read(_CHUNK))
                    await asyncio.wait({asking, answering, waiting_for_switch}, return_when=asyncio.FIRST_COMPLETED)
                    if asking.done():
                        question, asking = asking.result(), None
                        if not question:
                            return
                        to_server.write(question)
                    elif answering.done() and not switched.is_set():
                        return
            except OSError:
                return
            finally:
                self._switches.discard(switched.set)
                waiting_for_switch.cancel()
                answering.cancel()
                to_server.close()
                if not switched.is_set():
                    to_client.close()


async def _forward_replies(server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while answer := await server.read(_CHUNK):
            to_client.write(answer.replace(b"run_id:", b"hidden:"))
