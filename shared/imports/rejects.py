"""The rejected rows of an import as a CSV file: those of the merge, then those that Copy skipped.

Read and given in parts, so that a part is in memory and never the file.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import AsyncIterator, Iterable, Sequence

from shared.database.transactions import Transactions
from shared.imports import repository
from shared.imports.header import COLUMNS
from shared.imports.records import Record
from shared.imports.session_logs import SessionLogs
from shared.imports.threads import Threads

MAX_REJECTS = 10_000
_PART = 500


class Rejects:
    """What became of the rows that couldn't be loaded."""

    def __init__(self, records: Transactions, logs: SessionLogs, threads: Threads) -> None:
        self._records = records
        self._logs = logs
        self._threads = threads

    async def csv(self, record: Record) -> AsyncIterator[str]:
        """A header, then at most MAX_REJECTS rows: the reason, and the fields as they came, quoted anew."""
        yield _text([("reason", *(COLUMNS[record.kind] if record.kind else ()))])
        left = MAX_REJECTS
        async for rows in self._rows(record.import_id):
            yield _text(rows[:left])
            left -= len(rows)
            if left <= 0:
                return

    async def _rows(self, import_id: str) -> AsyncIterator[Sequence[Sequence[str]]]:
        after = -1
        while merged := await self._merged(import_id, after):
            yield [(reject.reason, *json.loads(reject.fields)) for reject in merged]
            after = merged[-1].row_no
        skipped = iter(self._logs.skipped_rows(import_id))
        while rows := await self._threads.run(lambda: list(itertools.islice(skipped, _PART))):
            yield [(row.reason, *row.fields) for row in rows]

    async def _merged(self, import_id: str, after: int) -> Sequence[repository.Reject]:
        return await self._records.read(lambda connection: repository.read_rejects(connection, import_id, after, _PART))


def _text(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
