"""The imports' file as a merge needs it: an import's record, and a place for its rejects."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import apsw
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError
from local.datafactory.stores.merge_outcome import ImportRecord
from shared.database.sqlite import files

# All are counted, the first ones kept.
REJECTS_KEPT = 10_000
_LOCK_WAIT_MILLISECONDS = 60_000


class ImportStore:
    """A connection of its own to the imports' file: it sees what others commit while the catalog is held."""

    def __init__(self, url: sa.URL) -> None:
        self._connection = apsw.Connection(str(files.imports_file(url)), apsw.SQLITE_OPEN_READWRITE)
        self._connection.set_busy_timeout(_LOCK_WAIT_MILLISECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def record(self, import_id: str) -> ImportRecord:
        """The record as it is now. Raises ActivityFailedError where there is none."""
        row = self._connection.execute(
            "SELECT blob_name, sequence, max_reject_share, cancel_requested FROM import_records WHERE import_id = ?",
            [import_id],
        ).fetchone()
        if row is None:
            raise ActivityFailedError("SqlOperationFailed", f"There is no import {import_id}.")
        return ImportRecord(row[0], row[1], row[2], bool(row[3]))

    def write_rejects(self, import_id: str, rejects: Iterable[tuple[int, str, list[str | None]]]) -> None:
        """Puts the first rejects in place of what stood there of this import."""
        kept = [
            (import_id, row_no, reason, json.dumps([value or "" for value in values], ensure_ascii=False))
            for row_no, reason, values in itertools.islice(rejects, REJECTS_KEPT)
        ]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute("DELETE FROM import_rejects WHERE import_id = ?", [import_id])
            self._connection.executemany(
                "INSERT INTO import_rejects (import_id, row_no, reason, fields) VALUES (?, ?, ?, ?)", kept
            )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
