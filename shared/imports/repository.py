"""All SQL of imports: records and rejects in the imports' store, outcomes of merges in the catalogue's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shared.database.tables import import_outcomes, import_records, import_rejects, import_uploads
from shared.imports.schemas import UNFINISHED

type Record = sa.Row[Any]

_record = import_records.c
_REJECTS_BATCH = 500


def insert_record(connection: sa.Connection, values: Mapping[str, Any]) -> bool:
    """Writes a new record; False where another delivery of the same event was faster."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(import_records).values(**values))
    except IntegrityError:
        return False
    return True


def read_record(connection: sa.Connection, import_id: str) -> Record | None:
    """One record."""
    return connection.execute(sa.select(import_records).where(_record.import_id == import_id)).one_or_none()


def read_records(connection: sa.Connection, before: int | None, count: int) -> Sequence[Record]:
    """Records, newest first, from behind the sequence number `before`."""
    rows = sa.select(import_records).order_by(_record.sequence.desc()).limit(count)
    if before is not None:
        rows = rows.where(_record.sequence < before)
    return connection.execute(rows).all()


def read_unfinished(connection: sa.Connection, after: int, count: int) -> Sequence[Record]:
    """Unfinished records, oldest first, from behind the sequence number `after`."""
    return connection.execute(
        sa.select(import_records)
        .where(_record.status.in_(UNFINISHED), _record.sequence > after)
        .order_by(_record.sequence)
        .limit(count)
    ).all()


def known_imports(connection: sa.Connection, import_ids: Sequence[str]) -> set[str]:
    """Which of these imports have a record."""
    return set(connection.execute(sa.select(_record.import_id).where(_record.import_id.in_(import_ids))).scalars())


def finished_imports(connection: sa.Connection, import_ids: Sequence[str]) -> set[str]:
    """Which of these imports have ended."""
    rows = sa.select(_record.import_id).where(_record.import_id.in_(import_ids), _record.status.not_in(UNFINISHED))
    return set(connection.execute(rows).scalars())


def update_record(connection: sa.Connection, import_id: str, only_in: Sequence[str], values: Mapping[str, Any]) -> bool:
    """Changes a record that is in one of these states; False where it isn't any more (another process was faster)."""
    changed = connection.execute(
        sa.update(import_records).where(_record.import_id == import_id, _record.status.in_(only_in)).values(**values)
    )
    return changed.rowcount == 1


def claim_run(connection: sa.Connection, import_id: str, now: dt.datetime) -> bool:
    """Takes the right to start this import's run; False where another process has it."""
    return update_record(connection, import_id, ["received"], {"status": "running", "run_id": None, "started_at": now})


def read_outcome(connection: sa.Connection, import_id: str) -> sa.Row[Any] | None:
    """What the merge of this import did; None where none has committed."""
    return connection.execute(sa.select(import_outcomes).where(import_outcomes.c.import_id == import_id)).one_or_none()


def drop_unsuccessful_outcome(connection: sa.Connection, import_id: str) -> bool:
    """Makes way for another try; False where a merge has succeeded."""
    outcome = read_outcome(connection, import_id)
    if outcome is not None and outcome.status == "succeeded":
        return False
    connection.execute(sa.delete(import_outcomes).where(import_outcomes.c.import_id == import_id))
    return True


def insert_upload(connection: sa.Connection, blob_name: str, uploaded_by: str, now: dt.datetime) -> None:
    """Notes who asked for an upload URL."""
    connection.execute(sa.insert(import_uploads).values(blob_name=blob_name, uploaded_by=uploaded_by, created_at=now))


def read_uploader(connection: sa.Connection, blob_name: str) -> str | None:
    """Who asked for the upload URL of this blob; None for one dropped otherwise."""
    uploads = import_uploads.c
    return connection.execute(sa.select(uploads.uploaded_by).where(uploads.blob_name == blob_name)).scalar_one_or_none()


def read_rejects(connection: sa.Connection, import_id: str, count: int) -> Iterator[tuple[str, str]]:
    """Rejected rows in the file's order, at most `count`, fetched in batches."""
    rejects = import_rejects.c
    rows = (
        sa.select(rejects.reason, rejects.fields)
        .where(rejects.import_id == import_id)
        .order_by(rejects.row_no)
        .limit(count)
    )
    for row in connection.execution_options(yield_per=_REJECTS_BATCH).execute(rows):
        yield row.reason, row.fields


def drop_rejects(connection: sa.Connection, import_id: str) -> None:
    """Forgets the rejected rows of an import."""
    connection.execute(sa.delete(import_rejects).where(import_rejects.c.import_id == import_id))


def imports_with_rejects_before(connection: sa.Connection, time: dt.datetime, count: int) -> Sequence[str]:
    """Imports that ended before then and still have rejected rows."""
    has_rejects = sa.exists().where(import_rejects.c.import_id == _record.import_id)
    rows = sa.select(_record.import_id).where(_record.finished_at < time, has_rejects).limit(count)
    return connection.execute(rows).scalars().all()
