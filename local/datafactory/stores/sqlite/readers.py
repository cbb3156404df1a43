"""Reads a run's staging rows in ranges, two at a time: readers of one file don't block each other."""

from __future__ import annotations

import contextlib
import itertools
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import apsw

from local.datafactory.stop import Stop

type Row = tuple[apsw.SQLiteValue, ...]
type Opener = Callable[[], apsw.Connection]

_ROWS_PER_BATCH = 1_000
_BATCHES_WAITING = 16


class Readers:
    """Two threads that run statements. Each statement gets a connection of its own from `open_connection`."""

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
        """Starts a statement and returns its rows."""
        return iter(self._begin(statement, {}))

    def rows_in_parts(self, statement: str, parameters: Mapping[str, int], last: int, parts: int) -> Iterator[Row]:
        """Starts a statement once for each of so many ranges of the rows 1 to `last`: its :first and :last."""
        begun = [
            self._begin(
                statement, {**parameters, "first": last * part // parts + 1, "last": last * (part + 1) // parts}
            )
            for part in range(parts)
        ]
        return (row for reading in begun for row in reading)

    def _begin(self, statement: str, parameters: Mapping[str, int]) -> _Reading:
        reading = _Reading(self._threads, self._open_connection, statement, parameters, self._stop)
        self._begun.append(reading)
        return reading


class _Reading:
    """The rows of one statement, in batches. Only a few batches wait for their consumer."""

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
        self._batches: queue.Queue[Sequence[Row] | None] = queue.Queue(_BATCHES_WAITING)
        self._reading: Future[None] = threads.submit(self._read)

    def __iter__(self) -> Iterator[Row]:
        while (batch := self._batches.get()) is not None:
            yield from batch
        self._reading.result()

    def leave(self) -> None:
        """Ends the reading if its rows were not all consumed."""
        self._left = True
        while not self._reading.done():
            with contextlib.suppress(queue.Empty):
                self._batches.get(timeout=0.01)

    def _read(self) -> None:
        try:
            if self._left:
                return
            with (
                contextlib.closing(self._open_connection()) as connection,
                self._stop.on_request(connection.interrupt),
            ):
                rows = connection.execute(self._statement, self._parameters)
                for batch in itertools.batched(rows, _ROWS_PER_BATCH, strict=False):
                    self._batches.put(batch)
                    if self._left:
                        break
        finally:
            self._batches.put(None)
