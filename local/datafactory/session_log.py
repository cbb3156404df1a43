"""The log of the rows that Copy skipped, in Data Factory's form and place.

It is CSV with the columns below at `{path}/copyactivity-logs/{activity}/{activity run id}/{guid}.csv`. Source:
Microsoft's "Session log in a Copy activity".
"""

from __future__ import annotations

import csv
import io
import tempfile
import uuid
from collections.abc import Sequence
from typing import Self

from local.datafactory.delimited_text import TooLongRow
from local.datafactory.run_records import ActivityRun
from local.datafactory.stores.blobs import BlobStore

_COLUMNS = ("Timestamp", "Level", "OperationName", "OperationItem", "Message")
# A longer log is kept in a temporary file until its upload.
_MEMORY_BYTES = 1024 * 1024


class SessionLog:
    """Collects skipped rows and writes them to the blob store, if there are any."""

    def __init__(self, record: ActivityRun, source: str, width: int) -> None:
        self._path = f"copyactivity-logs/{record.activity_name}/{record.activity_run_id}/"
        self._source = source
        self._width = width
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  # closed by __exit__
        self._text = io.TextIOWrapper(self._file, encoding="utf-8", newline="", write_through=True)
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(_COLUMNS)
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._text.close()

    def add(self, rows: Sequence[TooLongRow], time: str) -> None:
        """Adds skipped rows."""
        for row in rows:
            self._writer.writerow((time, "Warning", "TabularRowSkip", _quoted(row.fields), self.message(row)))
        self.rows += len(rows)

    def message(self, row: TooLongRow) -> str:
        """Data Factory's message for a row with too many columns."""
        return (
            f"Error found when processing 'Csv/Tsv Format Text' source '{self._source}' with row number "
            f"{row.number + 1}: found more columns than expected column count {self._width}."
        )

    def write(self, blobs: BlobStore, location: str) -> str | None:
        """Writes the log below `container/folder`. Returns its folder, or None if no row was skipped."""
        if not self.rows:
            return None
        container, _, folder = location.strip("/").partition("/")
        path = f"{folder}/{self._path}" if folder else self._path
        self._text.flush()
        self._file.seek(0)
        blobs.write(container, f"{path}{uuid.uuid4()}.csv", self._file)
        return f"{container}/{path}"


def _quoted(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow(fields)
    return line.getvalue()
