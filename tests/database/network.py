"""A network between the driver and the server that delays, cuts and resets connections as a test says.

In a process of its own: pyodbc holds Python's lock in some of its calls, in which a proxy in the test's process would
stand still with it. What meets with trouble is drawn, message by message, never by the clock.

    python -m tests.database.network HOST PORT

prints its own port, then takes an order a line (JSON, the fields of `Weather`) and answers each with what has happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.processes import end_with_parent

_PROJECT = Path(__file__).parents[2]
# Closes with a reset in place of a farewell (SO_LINGER with no time to linger).
_RESET = struct.pack("ii", 1, 0)
# Signing in takes about so many messages of the client's; trouble comes after them.
_SIGNING_IN = 10
_SEED = 7
# What the driver sends where it is asked for a parameter's type; to be read where the connection isn't encrypted.
_QUESTION = "sp_describe_undeclared_parameters".encode("utf-16-le")


@dataclass(frozen=True)
class Weather:
    """What the network does; shares are of the messages of each direction."""

    down: bool = False
    # The connection is reset before the message has come through, or in the middle of it.
    reset: float = 0.0
    cut: float = 0.0
    delayed: float = 0.0
    delay_seconds: float = 0.02


class Network:
    """The process, as a test has it; its end is the network's."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.database.network", server[0], str(server[1])],
            cwd=_PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
        )
        self.port = int(self._line())

    def order(self, weather: Weather) -> Counter[str]:
        """Makes this weather from now on; gives how often each trouble, connections and the driver's questions came."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(dataclasses.asdict(weather)) + "\n")
        self._process.stdin.flush()
        return Counter(json.loads(self._line()))

    @contextlib.contextmanager
    def is_(self, weather: Weather) -> Iterator[None]:
        """In here it is so, afterwards it is quiet again."""
        self.order(weather)
        try:
            yield
        finally:
            self.order(Weather())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


class Proxy:
    """What the process does."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._weather = Weather()
        self._draw = random.Random(_SEED)
        self._counts = Counter[str]()
        self._open: set[asyncio.StreamWriter] = set()

    async def run(self) -> None:
        """Until there are no more orders."""
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        print(listener.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its answer
        orders = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while line := await orders.readline():
            self._weather = Weather(**json.loads(line))
            if self._weather.down:
                self._break(*self._open)
            print(json.dumps(self._counts), flush=True)  # noqa: T201 - its answer
        self._break(*self._open)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self._weather.down:
            self._break(to_client)
            return
        self._counts["connections"] += 1
        from_server, to_server = await asyncio.open_connection(*self._server)
        ends = (to_client, to_server)
        self._open.update(ends)
        await asyncio.gather(
            self._pass_on(from_client, to_server, ends, calm=_SIGNING_IN),
            self._pass_on(from_server, to_client, ends, calm=_SIGNING_IN),
        )

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        calm: int,
    ) -> None:
        with contextlib.suppress(OSError):  # the other direction has broken it
            while data := await source.read(65_536):
                self._counts["questions"] += data.count(_QUESTION)
                calm -= 1
                trouble = self._trouble() if calm < 0 else None
                if trouble == "reset":
                    break
                if trouble == "cut":
                    target.write(data[: len(data) // 2])
                    await target.drain()
                    break
                if trouble == "delayed":
                    await asyncio.sleep(self._weather.delay_seconds)
                target.write(data)
                await target.drain()
            else:
                target.write_eof()
                return
        self._break(*ends)

    def _trouble(self) -> str | None:
        shares: Mapping[str, Any] = dataclasses.asdict(self._weather)
        drawn = self._draw.random()
        for trouble in ("reset", "cut", "delayed"):
            drawn -= shares[trouble]
            if drawn < 0:
                self._counts[trouble] += 1
                return trouble
        return None

    def _break(self, *ends: asyncio.StreamWriter) -> None:
        """Resets connections."""
        self._open.difference_update(ends)
        for end in ends:
            connection: socket.socket | None = end.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()


if __name__ == "__main__":
    asyncio.run(Proxy((sys.argv[1], int(sys.argv[2]))).run())
