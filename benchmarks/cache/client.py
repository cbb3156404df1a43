"""A keep-alive HTTP client of a few lines, for loads in which each request depends on the reply before."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from local.services import HOST


class Client:
    """One connection, one request at a time; `async with Client(port) as client`."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str) -> Any:  # noqa: ANN401  # any JSON
        """The JSON of a reply of 200."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), b"200")

    async def post(self, path: str, body: object) -> Any:  # noqa: ANN401  # any JSON
        """The JSON of a reply of 201."""
        return await self._write("POST", path, body, b"201")

    async def patch(self, path: str, body: object) -> Any:  # noqa: ANN401  # any JSON
        """The JSON of a reply of 200."""
        return await self._write("PATCH", path, body, b"200")

    async def _write(self, method: str, path: str, body: object, status: bytes) -> Any:  # noqa: ANN401  # any JSON
        text = json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        return await self._ask(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text, status)

    async def _ask(self, request: bytes, expected: bytes) -> Any:  # noqa: ANN401  # any JSON
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length))
        if head[9:12] != expected:
            raise RuntimeError(f"{request[:80]!r}: {head[9:12]!r} {body[:200]!r}")
        return json.loads(body)
