"""All SQL of imports: records, uploaders and rejects in the imports' store, outcomes in the catalog's."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shared.database.mssql import locks
from shared.imports.records import Change, NewRecord, Outcome, Record
from shared.imports.schemas import UNFINISHED, Kind
from shared.imports.tables import (
    categories_staging,
    import_outcomes,
    import_records,
    import_rejects,
    import_uploads,
    products_staging,
)

_record = import_records.c
_outcome = import_outcomes.c
_reject = import_rejects.c

_STAGING = {"products": products_staging, "categories": categories_staging}
type Condition = sa.ColumnElement[bool]

# Conditions of change_record.
CANCEL_REQUESTED = _record.cancel_requested == sa.true()
NOT_CANCELLED = _record.cancel_requested == sa.false()


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row; `fields` is a JSON list of its texts."""

    row_no: int
    reason: str
    fields: str


@dataclass(frozen=True, slots=True)
class StagedRow:
    """Where a row of a staging table stands, and the run that wrote it."""

    row_no: int
    run_id: str


def insert_record(connection: sa.Connection, new: NewRecord) -> bool:
    """Writes a new record; False where another delivery of the same event was faster."""
    uploader = sa.select(import_uploads.c.uploaded_by).where(import_uploads.c.blob_name == new.blob_name)
    values = {
        "import_id": new.import_id,
        "blob_name": new.blob_name,
        "etag": new.etag,
        "size_bytes": new.size_bytes,
        "kind": new.kind,
        "status": new.status,
        "message": new.message,
        "max_reject_share": new.max_reject_share,
        "received_at": new.received_at,
        "finished_at": new.finished_at,
        "uploaded_by": connection.execute(uploader).scalar_one_or_none(),
    }
    return _inserted(connection, sa.insert(import_records).values(_written(values)))


def read_record(connection: sa.Connection, import_id: str) -> Record | None:
    """One record."""
    row = connection.execute(sa.select(import_records).where(_record.import_id == import_id)).one_or_none()
    return Record(**row._asdict()) if row else None


def read_page(connection: sa.Connection, before: int | None, count: int) -> Sequence[Record]:
    """Records, newest first, from behind the sequence number `before`."""
    rows = sa.select(import_records).order_by(_record.sequence.desc()).limit(count)
    if before is not None:
        rows = rows.where(_record.sequence < before)
    return [Record(**row._asdict()) for row in connection.execute(rows)]


def read_oldest(connection: sa.Connection, after: int, count: int) -> Sequence[Record]:
    """Records, oldest first, from behind the sequence number `after`."""
    rows = sa.select(import_records).where(_record.sequence > after).order_by(_record.sequence).limit(count)
    return [Record(**row._asdict()) for row in connection.execute(rows)]


def read_unfinished(connection: sa.Connection, after: int, count: int) -> Sequence[Record]:
    """Unfinished records, oldest first, from behind the sequence number `after`."""
    rows = (
        sa.select(import_records)
        .where(_record.status.in_(UNFINISHED), _record.sequence > after)
        .order_by(_record.sequence)
        .limit(count)
    )
    return [Record(**row._asdict()) for row in connection.execute(rows)]


def known_imports(connection: sa.Connection, import_ids: Iterable[str]) -> set[str]:
    """Which of these imports have a record."""
    rows = sa.select(_record.import_id).where(_record.import_id.in_(list(import_ids)))
    return set(connection.execute(rows).scalars())


def finished_imports(connection: sa.Connection, import_ids: Iterable[str]) -> set[str]:
    """Which of these imports have ended."""
    rows = sa.select(_record.import_id).where(
        _record.import_id.in_(list(import_ids)), _record.status.not_in(UNFINISHED)
    )
    return set(connection.execute(rows).scalars())


def change_record(connection: sa.Connection, seen: Record, change: Change, *conditions: Condition) -> bool:
    """Changes a record that still stands as it was seen; False where another process was faster.

    What counts is where it stands in its course: its status, and the run that it follows.
    """
    statement = sa.update(import_records).where(
        _record.import_id == seen.import_id,
        _record.status == seen.status,
        _record.started_at == seen.started_at,
        _record.run_id == seen.run_id,
        *conditions,
    )
    return connection.execute(statement.values(_written(change))).rowcount == 1


def begin_again(connection: sa.Connection, seen: Record, change: Change) -> bool:
    """Takes an ended import back to its beginning, without its rejects; False where another process was faster."""
    if not change_record(connection, seen, change):
        return False
    drop_rejects(connection, [seen.import_id])
    return True


def request_cancel(connection: sa.Connection, import_id: str) -> bool:
    """Asks for an import's end; False where it has ended already."""
    statement = sa.update(import_records).where(_record.import_id == import_id, _record.status.in_(UNFINISHED))
    return connection.execute(statement.values(cancel_requested=True)).rowcount == 1


def read_outcome(connection: sa.Connection, import_id: str) -> Outcome | None:
    """How an import ended; None where that isn't decided."""
    row = connection.execute(sa.select(import_outcomes).where(_outcome.import_id == import_id)).one_or_none()
    return Outcome(**row._asdict()) if row else None


def insert_outcome(connection: sa.Connection, outcome: Outcome) -> bool:
    """Decides how an import ended; False where its merge, or another process, has decided already."""
    if read_outcome(connection, outcome.import_id):
        return False
    return _inserted(
        connection,
        sa.insert(import_outcomes).values(_written(dataclasses.asdict(outcome))),
    )


def drop_outcome(connection: sa.Connection, seen: Outcome) -> None:
    """Makes way for another try of an import that came to nothing; what was decided since stays."""
    connection.execute(
        sa.delete(import_outcomes).where(
            _outcome.import_id == seen.import_id,
            _outcome.merged_at == seen.merged_at,
            _outcome.status != "succeeded",
        )
    )


def insert_upload(connection: sa.Connection, blob_name: str, uploaded_by: str, now: dt.datetime) -> None:
    """Notes who asked for an upload URL."""
    connection.execute(sa.insert(import_uploads).values(blob_name=blob_name, uploaded_by=uploaded_by, created_at=now))


def read_rejects(connection: sa.Connection, import_id: str, after: int, count: int) -> Sequence[Reject]:
    """Rejected rows in the file's order, from behind the row number `after`."""
    rows = (
        sa.select(_reject.row_no, _reject.reason, _reject.fields)
        .where(_reject.import_id == import_id, _reject.row_no > after)
        .order_by(_reject.row_no)
        .limit(count)
    )
    return [Reject(**row._asdict()) for row in connection.execute(rows)]


def drop_rejects(connection: sa.Connection, import_ids: Iterable[str]) -> None:
    """Forgets the rejected rows of these imports."""
    connection.execute(sa.delete(import_rejects).where(_reject.import_id.in_(list(import_ids))))


def with_rejects(connection: sa.Connection, import_ids: Iterable[str]) -> set[str]:
    """Which of these imports have rejected rows."""
    has_some = sa.exists().where(_reject.import_id == _record.import_id)
    rows = sa.select(_record.import_id).where(_record.import_id.in_(list(import_ids)), has_some)
    return set(connection.execute(rows).scalars())


def first_staged(connection: sa.Connection, kind: Kind) -> StagedRow | None:
    """The first row of a staging table, on Azure SQL."""
    row = _STAGING[kind].c
    first = connection.execute(sa.select(row.row_no, row.run_id).order_by(row.row_no).limit(1)).one_or_none()
    return StagedRow(**first._asdict()) if first else None


def may_be_under_way(connection: sa.Connection, run_id: str) -> bool:
    """Whether an import waits for this run, or for one whose id isn't noted yet."""
    rows = (
        sa.select(_record.import_id)
        .where(_record.status == "running", sa.or_(_record.run_id == run_id, _record.run_id.is_(None)))
        .limit(1)
    )
    return connection.execute(rows).one_or_none() is not None


def drop_staged(connection: sa.Connection, kind: Kind, first: StagedRow, rows: int) -> bool:
    """Deletes a run's rows among so many from its first one on, on Azure SQL; False while a merge reads them."""
    # A merge holds this lock, shared, for as long as it reads its run's rows (import.run_merge).
    if not locks.take_transaction_lock(connection, f"import.run.{first.run_id}", 0):
        return False
    table = _STAGING[kind]
    connection.execute(
        sa.delete(table).where(
            table.c.row_no.between(first.row_no, first.row_no + rows - 1), table.c.run_id == first.run_id
        )
    )
    return True


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of columns. NULL is written as such: for one as a parameter pyodbc asks the server for its type."""
    return {name: sa.null() if value is None else value for name, value in values.items()}


def _inserted(connection: sa.Connection, statement: sa.Insert) -> bool:
    """Inserts a row; False where its key is taken."""
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        return False
    return True
