"""The load generator: keep-alive connections over asyncio, each with one request at a time.

It runs in the benchmark's own process, so its CPU isn't counted as a server's.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import override

from local.services import HOST

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Replies:
    """Counts of the replies' statuses, of their X-Cache values, and of the bytes of their bodies."""

    def __init__(self) -> None:
        self.statuses: Counter[bytes] = Counter()
        self.outcomes: Counter[bytes] = Counter()
        self.body_bytes = 0


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], replies: Replies, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._replies = replies
        self._done = done
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(_END_OF_HEAD)
        if end < 0:
            return
        head = bytes(self._buffer[: end + 2]).lower()
        status = head[9:12]
        length = int(_value(head, _LENGTH) or 0) if status != b"304" else 0
        if len(self._buffer) < end + len(_END_OF_HEAD) + length:
            return
        self._buffer.clear()  # the next request is sent after the complete reply
        self._replies.statuses[status] += 1
        self._replies.outcomes[_value(head, b"x-cache: ") or b""] += 1
        self._replies.body_bytes += length
        self.send_next()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed a connection"))

    def send_next(self) -> None:
        """Sends the next request, or closes the connection if there is none."""
        assert self._transport
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


def _value(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name)
    if start < 0:
        return None
    start += 2 + len(name)
    return head[start : head.index(b"\r\n", start)]


async def _send(ports: Sequence[int], requests: Iterator[bytes], connections: int) -> Replies:
    loop = asyncio.get_running_loop()
    replies = Replies()
    opened: list[_Connection] = []
    ends: list[asyncio.Future[None]] = []
    for port, _ in itertools.product(ports, range(connections)):
        done: asyncio.Future[None] = loop.create_future()
        connection = _Connection(requests, replies, done)
        await loop.create_connection(lambda connection=connection: connection, HOST, port)  # type: ignore[misc]  # mypy can't infer a lambda with a default
        opened.append(connection)
        ends.append(done)
    for connection in opened:
        connection.send_next()
    await asyncio.gather(*ends)
    return replies


def send(ports: Sequence[int], requests: Iterable[bytes], connections: int) -> Replies:
    """Sends the requests in this order, over that many connections to each port. Raises an error if one breaks.

    All connections are open before the first request is sent.
    """
    return asyncio.run(_send(ports, iter(requests), connections))
