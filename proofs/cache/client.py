"""A keep-alive HTTP client of a few lines, which connects anew where the server went away."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

from local.services import HOST

_SECONDS = 30.0


class UnansweredError(Exception):
    """The server went away before its reply, or didn't reply in time."""


class NotSentError(UnansweredError):
    """There was nobody to send it to: it changed nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; `began` and `ended` are when the request was sent and the reply had come (`time.monotonic`)."""

    status: int
    headers: bytes
    body: bytes
    began: float
    ended: float

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON
        """The body's value; None of an empty one."""
        return json.loads(self.body) if self.body else None

    def header(self, name: bytes) -> str:
        """A header's value, empty where there is none; `name` in small letters, as the application sends it."""
        return self.headers.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0].decode()


class Client:
    """One connection to an instance, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: object = None) -> Reply:
        """The reply, of whatever status. Raises NotSentError, UnansweredError."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = b"" if body is None else b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(content)
        began = time.monotonic()
        await self.connect()
        try:
            async with asyncio.timeout(_SECONDS):
                head, received = await self._exchange(f"{method} {path} HTTP/1.1\r\n".encode() + kind, content)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            raise UnansweredError(f"{method} {path}: {type(error).__name__}") from error
        return Reply(int(head[9:12]), head, received, began, time.monotonic())

    async def connect(self) -> None:
        """Connects, where there is no connection. Raises NotSentError."""
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(HOST, self._port)
            except OSError as error:
                raise NotSentError(f"port {self._port}: {error}") from error

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _exchange(self, head: bytes, content: bytes) -> tuple[bytes, bytes]:
        assert self._streams
        reader, writer = self._streams
        writer.write(b"%bHost: %b\r\n\r\n%b" % (head, HOST.encode(), content))
        reply = await reader.readuntil(b"\r\n\r\n")
        length = reply.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return reply, await reader.readexactly(int(length or 0))
