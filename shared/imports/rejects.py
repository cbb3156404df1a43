"""The rejected rows of an import as a CSV file: those of the merge, then those that Copy skipped."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator

import sqlalchemy as sa

from shared.imports import repository
from shared.imports.blobs import ImportBlobs
from shared.imports.header import COLUMNS
from shared.imports.schemas import Kind

MAX_REJECTS = 10_000
_EXPECTED_COLUMNS = re.compile(r"expected column count (\d+)")


def rejects_csv(connection: sa.Connection, blobs: ImportBlobs, import_id: str, kind: Kind | None) -> str:
    """At most MAX_REJECTS rows: the reason, then the fields as they came, quoted anew."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    columns = COLUMNS[kind] if kind else ()
    writer.writerow(("reason", *columns))
    merged = (
        (reason, json.loads(fields)) for reason, fields in repository.read_rejects(connection, import_id, MAX_REJECTS)
    )
    skipped = _skipped(blobs, import_id, len(columns))
    for reason, fields in itertools.islice(itertools.chain(merged, skipped), MAX_REJECTS):
        writer.writerow((reason, *fields))
    return text.getvalue()


def _skipped(blobs: ImportBlobs, import_id: str, columns: int) -> Iterator[tuple[str, list[str]]]:
    for message, fields in blobs.skipped_rows(import_id):
        found = _EXPECTED_COLUMNS.search(message)
        yield f"too many columns: expected {found.group(1) if found else columns}", fields
