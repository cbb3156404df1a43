"""A keep-alive HTTP client for loads. It costs little CPU and tells when each reply came."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any, Self

from local.services import HOST

_TIMEOUT_SECONDS = 30.0


class UnansweredError(Exception):
    """The connection ended before the reply, or the reply took too long."""


class NotSentError(UnansweredError):
    """The server didn't accept a connection, so the request changed nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; `sent_at` and `received_at` are of `time.monotonic`."""

    status: int
    headers: bytes
    body: bytes
    sent_at: float
    received_at: float

    @property
    def json(self) -> Any:  # JSON
        """The body's JSON value; None if the body is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def seconds(self) -> float:
        """The response time."""
        return self.received_at - self.sent_at

    def header(self, name: bytes) -> str:
        """A header's value, or an empty text; `name` is in lower case, as the application sends it."""
        return self.headers.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0].decode()


class HttpClient:
    """One connection to a server on this machine, with one request at a time.

    A client that lost its connection opens another for the next request.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, body: object = None) -> Reply:
        """Sends a request, with JSON as its body, and returns the reply, whatever its status.

        Raises:
            NotSentError: the server accepts no connection.
            UnansweredError: no reply came.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        content = b"" if body is None else json.dumps(body).encode()
        if content:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        return await self.send_bytes(f"{head}\r\n".encode() + content)

    async def send_bytes(self, request: bytes) -> Reply:
        """As `send`, for a complete request."""
        sent_at = time.monotonic()
        await self.connect()
        assert self._streams
        reader, writer = self._streams
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length or 0))
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            raise UnansweredError(f"{request.partition(b' HTTP')[0].decode()}: {type(error).__name__}") from error
        return Reply(int(head[9:12]), head, body, sent_at, time.monotonic())

    async def expect(self, status: int, method: str, path: str, body: object = None) -> Any:  # JSON
        """Sends a request and returns the JSON of its reply. Raises RuntimeError for another status."""
        reply = await self.send(method, path, body)
        if reply.status != status:
            raise RuntimeError(f"{method} {path}: expected {status}, got {reply.status} {reply.body[:200]!r}")
        return reply.json

    async def connect(self) -> None:
        """Connects if there is no connection. Raises NotSentError."""
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(HOST, self._port)
            except OSError as error:
                raise NotSentError(f"port {self._port}: {error}") from error

    def close(self) -> None:
        """Closes the connection."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
