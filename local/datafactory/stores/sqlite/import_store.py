"""The imports file as a merge uses it: it reads an import's record and writes its rejects."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import apsw
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError
from shared.database.sqlite import files

# All rejects are counted; the first ones are kept.
REJECTS_KEPT = 10_000
_LOCK_WAIT_MILLISECONDS = 60_000


@dataclass(frozen=True)
class ImportRecord:
    """The columns of import_records that a merge reads."""

    blob_name: str
    sequence: int
    max_reject_share: float
    csv_columns: str | None
    cancel_requested: bool


class ImportStore:
    """A connection to the imports file. It sees what others commit while the merge holds the catalog."""

    def __init__(self, url: sa.URL) -> None:
        self._connection = apsw.Connection(str(files.imports_file(url)), apsw.SQLITE_OPEN_READWRITE)
        self._connection.set_busy_timeout(_LOCK_WAIT_MILLISECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def record(self, import_id: str) -> ImportRecord:
        """The present record. Raises ActivityFailedError if there is none."""
        row = self._connection.execute(
            "SELECT blob_name, sequence, max_reject_share, csv_columns, cancel_requested FROM import_records"
            " WHERE import_id = ?",
            [import_id],
        ).fetchone()
        if row is None:
            raise ActivityFailedError("SqlOperationFailed", f"There is no import {import_id}.")
        return ImportRecord(row[0], row[1], row[2], row[3], bool(row[4]))

    def write_rejects(self, import_id: str, rejects: Iterable[tuple[int, str, list[str | None]]]) -> None:
        """Replaces the import's rejects with the first ones of these."""
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
