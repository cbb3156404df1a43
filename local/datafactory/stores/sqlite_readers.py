"""Reading a run's staging rows in two halves at once: readers of one file don't disturb each other."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from local.datafactory.stop import Stop

type Row = tuple[object, ...]
type Opener = Callable[[], sqlite3.Connection]

_ROWS_PER_BATCH = 1_000
_BATCHES_WAITING = 16


class Readers:
    """Two threads that run statements, each with a connection of its own that `open_connection` makes."""

    def __init__(self, open_connection: Opener, stop: Stop) -> None:
        self._open_connection = open_connection
        self._stop = stop
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="reader")
        self._begun: list[_Reading] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for reading in self._begun:
            reading.leave()
        self._threads.shutdown()

    def rows(self, statement: str) -> Iterator[Row]:
        """Begins a statement; its rows are taken from the iterator."""
        return iter(self._begin(statement, {}))

    def rows_in_halves(self, statement: str, last: int) -> Iterator[Row]:
        """Begins a statement with the parameters :first and :last for rows 1 to `last`, in two ranges."""
        middle = last // 2
        halves = [
            self._begin(statement, {"first": 1, "last": middle}),
            self._begin(statement, {"first": middle + 1, "last": last}),
        ]
        return (row for half in halves for row in half)

    def _begin(self, statement: str, parameters: Mapping[str, int]) -> _Reading:
        reading = _Reading(self._threads, self._open_connection, statement, parameters, self._stop)
        self._begun.append(reading)
        return reading


class _Reading:
    """The rows of one statement, handed over in batches of which only a few wait."""

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        open_connection: Opener,
        statement: str,
        parameters: Mapping[str, int],
        stop: Stop,
    ) -> None:
        self._open_connection = open_connection
        self._statement = statement
        self._parameters = parameters
        self._stop = stop
        self._left = False
        self._batches: queue.Queue[list[Row] | None] = queue.Queue(_BATCHES_WAITING)
        self._reading: Future[None] = threads.submit(self._read)

    def __iter__(self) -> Iterator[Row]:
        while (batch := self._batches.get()) is not None:
            yield from batch
        self._reading.result()

    def leave(self) -> None:
        """Ends the reading where not all was consumed."""
        self._left = True
        while not self._reading.done():
            with contextlib.suppress(queue.Empty):
                self._batches.get(timeout=0.01)

    def _read(self) -> None:
        try:
            with (
                contextlib.closing(self._open_connection()) as connection,
                self._stop.on_request(connection.interrupt),
            ):
                cursor = connection.execute(self._statement, self._parameters)
                while not self._left and (batch := cursor.fetchmany(_ROWS_PER_BATCH)):
                    self._batches.put(batch)
        finally:
            self._batches.put(None)
