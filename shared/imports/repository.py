"""The SQL of imports. Outcomes are in the catalog's database, everything else is in the imports' database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shared.database.mssql import locks
from shared.imports.records import Change, NewRecord, Outcome, Record
from shared.imports.schemas import UNFINISHED, Kind, RowCounts
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

# Further conditions of change_record.
CANCEL_REQUESTED = _record.cancel_requested == sa.true()
NOT_CANCELLED = _record.cancel_requested == sa.false()

# A retried import starts with these values.
_INITIAL: Change = {
    "counts": RowCounts(),
    "cancel_requested": False,
    "progress": 0.0,
    "rows_per_second": None,
    "seconds_left": None,
    "steps": "[]",
    "run_id": None,
    "started_at": None,
}


class Reject(NamedTuple):
    """A rejected row. `fields` is a JSON list of its texts."""

    row_no: int
    reason: str
    fields: str


class StagedRow(NamedTuple):
    """The number of a row in a staging table, and the run that inserted it."""

    row_no: int
    run_id: str


def insert_record(connection: sa.Connection, new: NewRecord) -> bool:
    """Inserts a record; False where another delivery of the same event has inserted it."""
    uploader = sa.select(import_uploads.c.uploaded_by).where(import_uploads.c.blob_name == new.blob_name)
    uploaded_by = connection.execute(uploader).scalar_one_or_none()
    values = new.model_dump() | {"uploaded_by": uploaded_by}
    return _insert(connection, sa.insert(import_records).values(_with_nulls(values)))


def read_record(connection: sa.Connection, import_id: str) -> Record | None:
    """One record."""
    records = _read_records(connection, sa.select(import_records).where(_record.import_id == import_id))
    return records[0] if records else None


def read_page(connection: sa.Connection, before: int | None, count: int) -> Sequence[Record]:
    """Records, newest first, with lower sequence numbers than `before`."""
    rows = sa.select(import_records).order_by(_record.sequence.desc()).limit(count)
    if before is not None:
        rows = rows.where(_record.sequence < before)
    return _read_records(connection, rows)


def read_oldest(connection: sa.Connection, after: int, count: int) -> Sequence[Record]:
    """Records, oldest first, with higher sequence numbers than `after`."""
    return _read_oldest(connection, after, count)


def read_unfinished(connection: sa.Connection, after: int, count: int) -> Sequence[Record]:
    """Unfinished records, oldest first, with higher sequence numbers than `after`."""
    return _read_oldest(connection, after, count, _record.status.in_(UNFINISHED))


def known_imports(connection: sa.Connection, import_ids: Iterable[str]) -> set[str]:
    """Which of these imports have a record."""
    return _which(connection, import_ids)


def finished_imports(connection: sa.Connection, import_ids: Iterable[str]) -> set[str]:
    """Which of these imports are finished."""
    return _which(connection, import_ids, _record.status.not_in(UNFINISHED))


def change_record(connection: sa.Connection, seen: Record, change: Change, *conditions: Condition) -> bool:
    """Changes a record unless another process has changed its status or run since it was read; then False."""
    statement = sa.update(import_records).where(
        _record.import_id == seen.import_id,
        _record.status == seen.status,
        _record.started_at == seen.started_at,
        _record.run_id == seen.run_id,
        *conditions,
    )
    return connection.execute(statement.values(_columns(change))).rowcount == 1


def reset_record(connection: sa.Connection, seen: Record, change: Change) -> bool:
    """Resets a finished import and deletes its rejects; False where another process has changed it."""
    if not change_record(connection, seen, {**_INITIAL, **change}):
        return False
    delete_rejects(connection, [seen.import_id])
    return True


def request_cancel(connection: sa.Connection, import_id: str) -> bool:
    """Requests that an import is cancelled; False where it is finished."""
    statement = sa.update(import_records).where(_record.import_id == import_id, _record.status.in_(UNFINISHED))
    return connection.execute(statement.values(cancel_requested=True)).rowcount == 1


def read_outcome(connection: sa.Connection, import_id: str) -> Outcome | None:
    """How an import ended; None while that isn't decided."""
    row = connection.execute(sa.select(import_outcomes).where(_outcome.import_id == import_id)).one_or_none()
    return Outcome.model_validate(row._asdict()) if row else None


def insert_outcome(connection: sa.Connection, outcome: Outcome) -> bool:
    """Decides how an import ended; False where its merge or another process has already decided."""
    if read_outcome(connection, outcome.import_id):
        return False
    return _insert(connection, sa.insert(import_outcomes).values(_with_nulls(outcome.model_dump())))


def delete_outcome(connection: sa.Connection, seen: Outcome) -> None:
    """Deletes this outcome of an import that is retried, unless it succeeded; a later outcome stays."""
    connection.execute(
        sa.delete(import_outcomes).where(
            _outcome.import_id == seen.import_id,
            _outcome.merged_at == seen.merged_at,
            _outcome.status != "succeeded",
        )
    )


def insert_upload(connection: sa.Connection, blob_name: str, uploaded_by: str, now: dt.datetime) -> None:
    """Inserts who requested an upload URL."""
    connection.execute(sa.insert(import_uploads).values(blob_name=blob_name, uploaded_by=uploaded_by, created_at=now))


def read_rejects(connection: sa.Connection, import_id: str, after: int, count: int) -> Sequence[Reject]:
    """Rejected rows in the file's order, with higher row numbers than `after`."""
    rows = (
        sa.select(_reject.row_no, _reject.reason, _reject.fields)
        .where(_reject.import_id == import_id, _reject.row_no > after)
        .order_by(_reject.row_no)
        .limit(count)
    )
    return [Reject(*row) for row in connection.execute(rows)]


def delete_rejects(connection: sa.Connection, import_ids: Iterable[str]) -> None:
    """Deletes the rejected rows of these imports."""
    connection.execute(sa.delete(import_rejects).where(_reject.import_id.in_(list(import_ids))))


def imports_with_rejects(connection: sa.Connection, import_ids: Iterable[str]) -> set[str]:
    """Which of these imports have rejected rows."""
    return _which(connection, import_ids, sa.exists().where(_reject.import_id == _record.import_id))


def first_staged_row(connection: sa.Connection, kind: Kind) -> StagedRow | None:
    """The first row of a staging table, on Azure SQL."""
    row = _STAGING[kind].c
    first = connection.execute(sa.select(row.row_no, row.run_id).order_by(row.row_no).limit(1)).one_or_none()
    return StagedRow(*first) if first else None


def is_run_awaited(connection: sa.Connection, run_id: str) -> bool:
    """Whether an import waits for this run, or for a run whose id isn't recorded yet."""
    rows = (
        sa.select(_record.import_id)
        .where(_record.status == "running", sa.or_(_record.run_id == run_id, _record.run_id.is_(None)))
        .limit(1)
    )
    return connection.execute(rows).one_or_none() is not None


def delete_staged_rows(connection: sa.Connection, kind: Kind, first: StagedRow, rows: int) -> bool:
    """Deletes a run's rows in a range of `rows` row numbers, on Azure SQL; False while a merge reads them."""
    # A merge holds this lock, shared, while it reads the rows of its run (import.run_merge).
    if not locks.take_transaction_lock(connection, f"import.run.{first.run_id}", 0):
        return False
    table = _STAGING[kind]
    connection.execute(
        sa.delete(table).where(
            table.c.row_no.between(first.row_no, first.row_no + rows - 1), table.c.run_id == first.run_id
        )
    )
    return True


def _read_records(connection: sa.Connection, rows: sa.Select[Any]) -> Sequence[Record]:
    return [Record.model_validate(row._asdict()) for row in connection.execute(rows)]


def _read_oldest(connection: sa.Connection, after: int, count: int, *conditions: Condition) -> Sequence[Record]:
    rows = sa.select(import_records).where(*conditions, _record.sequence > after)
    return _read_records(connection, rows.order_by(_record.sequence).limit(count))


def _which(connection: sa.Connection, import_ids: Iterable[str], *conditions: Condition) -> set[str]:
    """Which of these imports have a record that meets the conditions."""
    rows = sa.select(_record.import_id).where(_record.import_id.in_(list(import_ids)), *conditions)
    return set(connection.execute(rows).scalars())


def _columns(change: Change) -> dict[str, Any]:
    """The values of a change by column."""
    values: dict[str, Any] = dict(change)
    counts: RowCounts | None = values.pop("counts", None)
    return _with_nulls(values | (counts.model_dump() if counts else {}))


def _with_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with None as SQL's NULL: for a parameter that is None pyodbc asks the server for its type."""
    return {name: sa.null() if value is None else value for name, value in values.items()}


def _insert(connection: sa.Connection, statement: sa.Insert) -> bool:
    """Inserts a row; False where its key exists."""
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        return False
    return True
