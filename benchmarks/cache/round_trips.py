"""Round trips to Redis per hit. A proxy counts them: all commands before the next reply are one round trip."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.cache import catalog, pages
from benchmarks.cache.load import send
from benchmarks.cache.servers import settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from local.services import HOST

_HITS = 2_000


class CountingProxy:
    """Forwards connections to a port, and counts how often a command follows a reply."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.round_trips = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accepts no more connections. Open connections end with their peers."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((HOST, self._target))
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Pair(self, client, server)

    def count(self) -> None:
        """Counts one round trip."""
        self.round_trips += 1


class _Pair:
    def __init__(self, proxy: CountingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._is_waiting = False
        threading.Thread(target=self._forward, args=(client, server, self._note_command), daemon=True).start()
        threading.Thread(target=self._forward, args=(server, client, self._note_reply), daemon=True).start()

    def _note_command(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._proxy.count()

    def _note_reply(self) -> None:
        self._is_waiting = False

    @staticmethod
    def _forward(source: socket.socket, target: socket.socket, note: object) -> None:
        assert callable(note)
        with contextlib.suppress(OSError):  # the other end is gone
            while data := source.recv(65_536):
                note()
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def figures() -> Iterator[Figure]:
    """Round trips of hits, with one request at a time."""
    file = catalog.kept(catalog.SMALL)
    requests = pages.requests_for(pages.paths(file))
    with ExitStack() as stack:
        proxy = stack.enter_context(contextlib.closing(CountingProxy(stack.enter_context(valkey()))))
        environment = settings_of_instance(file, proxy.port)
        server = stack.enter_context(uvicorn("round_trips", "testkit.instance:create", environment))
        for _ in range(2):
            send([server.port], requests, 1)
        before = proxy.round_trips
        replies = send([server.port], (requests[page] for page in pages.zipf_like(_HITS, 0)), 1)
        assert replies.outcomes == {b"hit": _HITS}, replies.outcomes
        round_trips = proxy.round_trips - before
    yield Figure("redis_round_trips_per_hit", round_trips / _HITS, "round_trips", Bound("=", 1))
