"""Reads at a steady rate, whatever becomes of the replies: a slow one doesn't keep the next from being asked.

A read's time begins when it is due, so that waiting for a connection counts. It runs in the benchmark's own process.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from local.services import HOST

_CONNECTIONS = 64
_OK = f"HTTP/1.1 {http.client.OK} ".encode()
_LENGTH = b"\r\ncontent-length: "

type _Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SteadyReads:
    """While its context lasts, sends the requests, `per_second` of them; `seconds` has each reply's time."""

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
        free: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        opened = [await asyncio.open_connection(HOST, self._port) for _ in range(_CONNECTIONS)]
        for connection in opened:
            free.put_nowait(connection)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as reads:
            number = 0
            while not self._ended:
                due = began + number * self._interval
                await asyncio.sleep(due - time.perf_counter())
                reads.create_task(self._read(free, next(self._requests), due))
                number += 1
        for _, writer in opened:
            writer.close()

    async def _read(self, free: asyncio.LifoQueue[_Connection], request: bytes, due: float) -> None:
        reader, writer = connection = await free.get()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(_OK.lower()) or b"\r\nx-cache: miss" not in head:
            raise RuntimeError(f"Expected a page from SQL, got {head!r}")
        start = head.index(_LENGTH) + len(_LENGTH)
        await reader.readexactly(int(head[start : head.index(b"\r\n", start)]))
        self.seconds.append(time.perf_counter() - due)
        free.put_nowait(connection)
