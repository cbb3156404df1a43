"""The rows that Copy skipped: Data Factory's session logs, below `imports-rejects/{import_id}/`.

Their form and place are documented as "Session log in a Copy activity": CSV files at
`copyactivity-logs/{activity}/{activity run id}/{guid}.csv`, in which OperationItem holds the row as quoted CSV.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from azure.core.exceptions import ResourceNotFoundError

from shared.imports.storage import PAGE, ImportStorage

# Longest field that is read: Copy takes rows up to this. (Python's own limit is 128 KiB, for the whole process.)
_LONGEST_FIELD = 64 * 1024 * 1024
csv.field_size_limit(_LONGEST_FIELD)

_EXPECTED_COLUMNS = re.compile(r"expected column count (\d+)")


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row with more fields than the header, as it came."""

    reason: str
    fields: Sequence[str]


class SessionLogs:
    """Blocking calls."""

    def __init__(self, storage: ImportStorage) -> None:
        self._storage = storage

    def skipped_rows(self, import_id: str) -> Iterator[SkippedRow]:
        """The rows that an import's Copy skipped, streamed."""
        for name in self._whole_log(import_id):
            lines = _lines(self._storage.rejects.download_blob(name).chunks())
            for entry in csv.DictReader(lines):
                if entry["OperationName"] == "TabularRowSkip":
                    yield SkippedRow(_reason(entry["Message"]), _fields(entry["OperationItem"]))

    def drop_before(self, time: dt.datetime, continuation: str | None) -> str | None:
        """Deletes what is older in a page of all logs; gives where the next page begins (None: it was the last)."""
        pages = self._storage.rejects.list_blobs(results_per_page=PAGE).by_page(continuation)
        for blob in next(pages, ()):
            if blob.last_modified < time:
                self._delete(blob.name)
        # The SDK's page iterator has it, its type doesn't say so.
        return getattr(pages, "continuation_token", None) or None

    def _whole_log(self, import_id: str) -> list[str]:
        """The blobs of one Copy's log.

        A Copy that was tried again, and a run that was started twice, leave several logs of the same rows. One that was
        cut short has fewer of them: so the longest is whole.
        """
        names: defaultdict[str, list[str]] = defaultdict(list)
        sizes: defaultdict[str, int] = defaultdict(int)
        for blob in self._storage.rejects.list_blobs(name_starts_with=f"{import_id}/"):
            attempt = str(blob.name).rpartition("/")[0]
            names[attempt].append(str(blob.name))
            sizes[attempt] += int(blob.size or 0)
        return names[max(sizes, key=lambda attempt: sizes[attempt])] if sizes else []

    def _delete(self, name: str) -> None:
        try:
            self._storage.rejects.delete_blob(name)
        except ResourceNotFoundError:  # another process was faster
            return


def _reason(message: str) -> str:
    """Data Factory's message in our words."""
    expected = _EXPECTED_COLUMNS.search(message)
    return f"too many columns: expected {expected.group(1)}" if expected else "too many columns"


def _fields(row: str) -> list[str]:
    return next(csv.reader([row], skipinitialspace=True), [])


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """The lines of a text in UTF-8, their ends kept: a quoted field may hold some."""
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
