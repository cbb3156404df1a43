"""The socket of a connection that redis-py has set up, with hiredis on it and nothing between.

redis-py connects, secures and authenticates. Its streams, timeouts and retries around each reply cost a cached read
more than the exchange itself, so once a connection is ready its socket is taken over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, override

import hiredis

if TYPE_CHECKING:
    from redis.asyncio import Connection

type Command = tuple[str | bytes | int, ...]
# A text, a number, a list of them, nothing, or an error that stands in their place.
type Reply = bytes | int | list[bytes | None] | hiredis.ReplyError | None

_BUFFER_BYTES = 64 * 1024
_INCOMPLETE = object()


class RedisProtocol(asyncio.BufferedProtocol):
    """Sends commands, and hands out the replies one by one, in the order of their commands."""

    def __init__(
        self,
        connection: Connection,
        on_reply: Callable[[Reply], None],
        on_lost: Callable[[RedisProtocol, Exception | None], None],
    ) -> None:
        """Takes over a connection that is set up; `on_lost` is called once no more replies will come."""
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        # A view, since asyncio's TLS writes into slices of it, and a bytearray's are copies.
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        writer = connection._writer  # noqa: SLF001  # redis-py shows its socket nowhere else
        assert writer
        self._transport = writer.transport
        self._transport.set_protocol(self)

    def send(self, commands: Sequence[Command]) -> None:
        """Sends the commands together."""
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]  # takes any tuple
        self._transport.write(packed[0] if len(packed) == 1 else b"".join(packed))

    def abort(self) -> None:
        """Closes the socket at once; `on_lost` is called after that."""
        self._transport.abort()

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the socket's bytes are to be put (asyncio.BufferedProtocol)."""
        return self._buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come (asyncio.BufferedProtocol)."""
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
        """The server has closed; the transport closes too (asyncio.BufferedProtocol)."""

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed (asyncio.BaseProtocol)."""
        self._on_lost(self, exc)
