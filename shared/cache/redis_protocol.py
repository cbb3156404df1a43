"""Redis' protocol (RESP 2) on a socket: hiredis packs the commands and parses the replies, with nothing between.

The streams, timeouts and retries of a general client around each reply cost a cached read more than the exchange.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import override

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

type Command = tuple[str | bytes | int, ...]
# A text, a number, a list of them, nothing, or an error in their place.
type Reply = bytes | int | list[bytes | None] | hiredis.ReplyError | None

_BUFFER_BYTES = 64 * 1024
_INCOMPLETE = object()

# An idle connection is probed after 30 s and given up after three probes 5 s apart, as redis-py does.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
_URL_PARTS = frozenset({"host", "port", "username", "password", "db", "connection_class", "ssl_ca_certs"})


class RedisProtocol(asyncio.BufferedProtocol):
    """Sends commands, and hands out the replies one by one, in the order of their commands."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        # A view, since asyncio's TLS writes into slices of it, and a bytearray's slices are copies.
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._transport: asyncio.Transport
        self._on_reply: Callable[[Reply], object]
        self._on_lost: Callable[[RedisProtocol, Exception | None], object] = lambda _protocol, _error: None

    def deliver_to(
        self,
        on_reply: Callable[[Reply], object],
        on_lost: Callable[[RedisProtocol, Exception | None], object],
    ) -> None:
        """Hands out replies to `on_reply` from now on; `on_lost` is called once no more will come."""
        self._on_reply = on_reply
        self._on_lost = on_lost

    @property
    def is_lost(self) -> bool:
        """Whether no more replies will come."""
        return self._transport.is_closing()

    def send(self, commands: Sequence[Command]) -> None:
        """Sends the commands together."""
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]  # takes any tuple
        self._transport.write(packed[0] if len(packed) == 1 else b"".join(packed))

    def abort(self) -> None:
        """Closes the socket at once; `on_lost` is called after that."""
        self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            if number := getattr(socket, option, None):  # not every system has each
                self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, number, value)

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        reader = self._reader
        reader.feed(self._buffer, 0, nbytes)  # type: ignore[arg-type]  # its type stub knows no buffers
        try:
            reply = reader.gets()
            while reply is not _INCOMPLETE:
                self._on_reply(reply)
                reply = reader.gets()
        except hiredis.ProtocolError as error:
            self._on_lost(self, error)

    @override
    def eof_received(self) -> None:
        """The server has closed; the transport then closes too."""

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost(self, exc)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Where a Redis server is, and what its URL says of signing in."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    credentials: tuple[str, ...]
    database: int

    @classmethod
    def of(cls, url: str) -> RedisServer:
        """The server of a `redis://` or `rediss://` URL. Raises ValueError for any other."""
        parts = parse_url(url)
        if unknown := parts.keys() - _URL_PARTS:
            raise ValueError(f"The Redis URL: expected no options but ssl_ca_certs, got {', '.join(sorted(unknown))}")
        user, password = parts.get("username"), parts.get("password")
        return cls(
            host=parts.get("host", "127.0.0.1"),
            port=parts.get("port", 6379),
            tls=_tls(parts.get("ssl_ca_certs")) if parts.get("connection_class") is SSLConnection else None,
            credentials=() if password is None else (user, password) if user else (password,),
            database=parts.get("db", 0),
        )

    async def connect(self) -> RedisProtocol:
        """A new connection, on which nothing was sent yet. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(RedisProtocol, self.host, self.port, ssl=self.tls)
        return protocol


@functools.cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    """One for all connections: loading the certificates takes some 20 ms."""
    return ssl.create_default_context(cafile=ca_file)
