"""Reads at a constant rate: a slow reply doesn't delay the next request.

A read's time begins when the read is due, so it includes waiting for a connection. The load runs in the benchmark's
own process.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from testkit.http_client import HttpClient

_CONNECTIONS = 64


class ConstantRateReads:
    """Sends requests at a constant rate while its context lasts; `seconds` has the response time of each."""

    def __init__(self, port: int, requests: Iterator[bytes], per_second: float) -> None:
        self._port = port
        self._requests = requests
        self._interval = 1 / per_second
        self._ended = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reads")
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        self._sending = self._thread.submit(asyncio.run, self._send())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = True
        self._thread.shutdown()
        self._sending.result()

    async def _send(self) -> None:
        free: asyncio.LifoQueue[HttpClient] = asyncio.LifoQueue()
        clients = [HttpClient(self._port) for _ in range(_CONNECTIONS)]
        for client in clients:
            await client.connect()
            free.put_nowait(client)
        began = time.monotonic()
        async with asyncio.TaskGroup() as reads:
            number = 0
            while not self._ended:
                due = began + number * self._interval
                await asyncio.sleep(due - time.monotonic())
                reads.create_task(self._read(free, next(self._requests), due))
                number += 1
        for client in clients:
            client.close()

    async def _read(self, free: asyncio.LifoQueue[HttpClient], request: bytes, due: float) -> None:
        client = await free.get()
        reply = await client.send_bytes(request)
        if (reply.status, reply.header(b"x-cache")) != (http.client.OK, "MISS"):
            raise RuntimeError(f"Expected a page from SQL, got {reply.headers!r}")
        self.seconds.append(reply.received_at - due)
        free.put_nowait(client)
