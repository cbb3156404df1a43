"""The rejected rows of an import: those of the merge from the database, those that Copy skipped from its session log.

Data Factory writes a session log as CSV files to `imports-rejects/{import_id}/copyactivity-logs/{activity}/
{activity run id}/{guid}.csv`; their column OperationItem has the row as quoted CSV ("Session log in a Copy activity").
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import itertools
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from azure.core.exceptions import ResourceNotFoundError

from shared.database.transactions import Transactions
from shared.imports import repository
from shared.imports.header import COLUMNS
from shared.imports.records import Record
from shared.imports.storage import ImportStorage, list_page
from shared.telemetry.executor import ContextExecutor

MAX_REJECTS = 10_000
# Rows that are read, and sent, at a time.
_PART = 500

# Longest field of a log in bytes; Copy's own limit. Python's default is 128 KiB, and the limit is one per process.
_LONGEST_FIELD = 64 * 1024 * 1024
csv.field_size_limit(_LONGEST_FIELD)

_EXPECTED_COLUMNS = re.compile(r"expected column count (\d+)")


class SessionLogs:
    """Data Factory's logs of skipped rows. All calls block."""

    def __init__(self, storage: ImportStorage) -> None:
        self._storage = storage

    def skipped_rows(self, import_id: str) -> Iterator[Sequence[str]]:
        """The rows that an import's Copy skipped, streamed: the reason, then the fields, more than the header has."""
        for name in self._longest_log(import_id):
            lines = _lines(self._storage.session_logs.download_blob(name).chunks())
            for entry in csv.DictReader(lines):
                if entry["OperationName"] == "TabularRowSkip":
                    fields = next(csv.reader([entry["OperationItem"]], skipinitialspace=True), [])
                    yield [_reason(entry["Message"]), *fields]

    def delete_older(self, than: dt.datetime, continuation: str | None) -> str | None:
        """Deletes the older ones of a page of all logs; the continuation of the next page (None: it was the last)."""
        blobs, following = list_page(self._storage.session_logs, continuation)
        for blob in blobs:
            if blob.last_modified < than:
                with contextlib.suppress(ResourceNotFoundError):  # another process has deleted it
                    self._storage.session_logs.delete_blob(blob.name)
        return following

    def _longest_log(self, import_id: str) -> list[str]:
        """The names of the blobs of one Copy's log.

        A Copy that was retried, and a run that was started twice, leave several logs of the same rows. A Copy that was
        interrupted logs fewer of them, so the longest log is complete.
        """
        names: defaultdict[str, list[str]] = defaultdict(list)
        sizes: defaultdict[str, int] = defaultdict(int)
        for blob in self._storage.session_logs.list_blobs(name_starts_with=f"{import_id}/"):
            attempt = str(blob.name).rpartition("/")[0]
            names[attempt].append(str(blob.name))
            sizes[attempt] += int(blob.size or 0)
        return names[max(sizes, key=lambda attempt: sizes[attempt])] if sizes else []


class Rejects:
    """The rejected rows as CSV, read and sent in parts: a part is in memory, never the file."""

    def __init__(self, records: Transactions, logs: SessionLogs, executor: ContextExecutor) -> None:
        self._records = records
        self._logs = logs
        self._executor = executor

    async def csv(self, record: Record) -> AsyncIterator[str]:
        """A header, then at most MAX_REJECTS rows: the reason, and the fields as they came, quoted where necessary."""
        yield _text([("reason", *(COLUMNS[record.kind] if record.kind else ()))])
        left = MAX_REJECTS
        async for rows in self._rows(record.import_id):
            yield _text(rows[:left])
            left -= len(rows)
            if left <= 0:
                return

    async def _rows(self, import_id: str) -> AsyncIterator[Sequence[Sequence[str]]]:
        after = -1
        while rejects := await self._read(import_id, after):
            yield [(reject.reason, *json.loads(reject.fields)) for reject in rejects]
            after = rejects[-1].row_no
        skipped = iter(self._logs.skipped_rows(import_id))
        while rows := await self._executor.run(lambda: list(itertools.islice(skipped, _PART))):
            yield rows

    async def _read(self, import_id: str, after: int) -> Sequence[repository.Reject]:
        return await self._records.read(lambda connection: repository.read_rejects(connection, import_id, after, _PART))


def _reason(message: str) -> str:
    """The reason in this app's words."""
    expected = _EXPECTED_COLUMNS.search(message)
    return f"too many columns: expected {expected.group(1)}" if expected else "too many columns"


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """The lines of a UTF-8 text with their line ends, which may be part of a quoted field."""
    rest = bytearray()
    for chunk in chunks:
        begin = 0
        while (end := chunk.find(b"\n", begin)) >= 0:
            rest += chunk[begin : end + 1]
            yield rest.decode("utf-8")
            rest.clear()
            begin = end + 1
        rest += chunk[begin:]
    if rest:
        yield rest.decode("utf-8")


def _text(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
