"""The merge on SQLite: the sections of shared/database/sql/sqlite/merge_*.sql, in one transaction on the catalogue.

Judging the rows comes before the lock. The catalogue is then held while
rows are compared and written; readers go on with the state before. The rejects go to the imports' file in a short
transaction of its own just before the commit: written again they are the same.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.merge_kinds import KINDS, Kind
from local.datafactory.stores.merge_outcome import Counts, ImportRecord, Outcome
from local.datafactory.stores.sqlite_bulk import ProductInsert
from local.datafactory.stores.sqlite_import_store import ImportStore
from local.datafactory.stores.sqlite_judge import compare, judge
from shared.catalog import scopes
from shared.database import sqlite
from shared.database.tables import IMPORT_SCHEMA

_BUCKETS = 1024
# The lock is asked for in turns of this length, between which a request to stop is seen.
_LOCK_TURN_SECONDS = 1.0
_PRAGMAS = (
    # Holds the index pages that updates of 1 % of 1.4 million products touch; with 64 MiB they take twice as long.
    "main.cache_size = -114688",
    "synchronous = NORMAL",
    # Beside the thread that calls: an index is sorted while the next rows are read.
    "threads = 1",
    # Files: what is sorted, and what is found in the staging rows, may be larger than memory should be.
    "temp_store = FILE",
    "temp.journal_mode = OFF",
    # What is freed need not be overwritten: whoever can read the file can read the catalogue.
    "secure_delete = OFF",
    "foreign_keys = OFF",
)


def merge(  # noqa: PLR0913, PLR0917  # the procedure's parameters, where its database is, and how it is told to stop
    url: sa.URL, kind: Kind, import_id: str, run_id: str, rows_skipped: int, stop: Stop
) -> dict[str, Json]:
    """Merges a run's staging rows into the catalogue; gives the outcome as the procedure's one row.

    Raises StoppedError when told to stop: nothing is changed then.
    """
    file = sqlite.staging_file(url, run_id)
    if not file.exists():
        raise ActivityFailedError("SqlOperationFailed", f"The run {run_id} has no staging rows.")
    catalog = sqlite.catalog_file(url)
    with contextlib.closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(file)])
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        with ImportStore(url) as imports, stop.on_request(connection.interrupt):
            return (
                _Merge(connection, catalog, file, imports, kind, import_id, rows_skipped, stop).run().as_row(import_id)
            )


class _Merge:
    def __init__(  # noqa: PLR0913, PLR0917  # as merge
        self,
        connection: sqlite3.Connection,
        catalog_file: Path,
        staging_file: Path,
        imports: ImportStore,
        kind: Kind,
        import_id: str,
        rows_skipped: int,
        stop: Stop,
    ) -> None:
        self._connection = connection
        self._catalog_file = catalog_file
        self._staging_file = staging_file
        self._imports = imports
        self._kind = kind
        self._import_id = import_id
        self._rows_skipped = rows_skipped
        self._stop = stop
        self._now = 0  # until the lock is held: what another has written until then isn't dated after this merge

    def run(self) -> Outcome:
        record = self._imports.record(self._import_id)
        if early := self._decided_before(record):
            return early
        with self._interruptible():
            judge(self._connection, self._staging_file, self._kind, self._stop)
            self._section("4 incoming")
        with self._locked():
            # Read again: between then and the lock another run may have merged, or somebody may have cancelled.
            record = self._imports.record(self._import_id)
            if early := self._decided_before(record):
                return early
            outcome = self._merged(record)
            self._write_outcome(record, outcome)
        self._shorten_log()
        return outcome

    def _decided_before(self, record: ImportRecord) -> Outcome | None:
        """The outcome where there is nothing to merge; written under the lock unless it stands there already."""
        known = self._known_outcome()
        if known:
            return known
        outcome = None
        if record.cancel_requested:
            outcome = Outcome.cancelled_on_request()
        elif self._is_outdated(record):
            outcome = Outcome.outdated(record.blob_name)
        if outcome is None:
            return None
        if self._connection.in_transaction:
            self._write_outcome(record, outcome)
            return outcome
        with self._locked():
            return self._decided_before(self._imports.record(self._import_id))

    def _known_outcome(self) -> Outcome | None:
        row = self._connection.execute(
            "SELECT status, message, rows_read, rows_inserted, rows_updated, rows_unchanged, rows_superseded,"
            " rows_rejected FROM main.import_outcomes WHERE import_id = ?",
            [self._import_id],
        ).fetchone()
        return Outcome(row[0], row[1], Counts(*row[2:])) if row else None

    def _is_outdated(self, record: ImportRecord) -> bool:
        newer = self._connection.execute(
            "SELECT 1 FROM main.import_outcomes WHERE blob_name = ? AND sequence > ? AND status = 'succeeded' LIMIT 1",
            [record.blob_name, record.sequence],
        )
        return newer.fetchone() is not None

    def _merged(self, record: ImportRecord) -> Outcome:
        staged = self._count(f"SELECT count(*) FROM [{IMPORT_SCHEMA}].{self._kind.staging}")
        rejected = self._count("SELECT count(*) FROM temp.rejected") + self._rows_skipped
        read = staged + self._rows_skipped
        if rejected > record.max_reject_share * read:
            outcome = Outcome.too_many_rejects(read, rejected, record.max_reject_share)
        else:
            outcome = Outcome.succeeded(self._write_rows(read, rejected))
        self._stop.check()
        # Seen through the imports' own connection: this one's snapshot is as old as its transaction.
        if self._imports.record(self._import_id).cancel_requested:
            self._connection.execute("ROLLBACK")
            self._begin()
            return Outcome.cancelled_on_request()
        self._imports.write_rejects(self._import_id, self._rejects())
        return outcome

    def _write_rows(self, read: int, rejected: int) -> Counts:
        self._section("5 pending")
        compare(self._connection, self._staging_file, self._catalog_file, self._kind, self._stop)
        new, changed = self._connection.execute(self._kind.count_pending).fetchone()
        if new or changed:
            self._section("7 update")
            self._insert(new)
        superseded = self._count("SELECT count(*) FROM temp.superseded")
        return Counts(read, new, changed, read - rejected - superseded - new - changed, superseded, rejected)

    def _insert(self, new: int) -> None:
        if self._kind is KINDS["import.merge_products"]:
            ProductInsert(
                self._connection,
                lambda last_id: self._section("8 insert", last_product_id=last_id),
                lambda last_id: self._section("9 words", last_product_id=last_id),
            ).run(new, self._staging_file, self._stop)
            counted = self._section("10 count")
            stale = {scopes.CATALOG, *self._category_scopes(), *self._product_scopes()}
            if counted:
                stale.add(scopes.CATEGORIES)
        else:
            self._section("8 insert")
            stale = {scopes.CATEGORIES}
        self._connection.executemany(
            "INSERT INTO main.cache_invalidations (scope, created_at) VALUES (?, ?)",
            [(scope, self._now) for scope in sorted(stale)],
        )

    def _category_scopes(self) -> Iterator[str]:
        for (category_id,) in self._connection.execute("SELECT category_id FROM temp.touched"):
            yield scopes.category(category_id)

    def _product_scopes(self) -> set[str]:
        found: set[str] = set()
        changed = self._connection.execute(
            f"SELECT asin FROM temp.pending JOIN [{IMPORT_SCHEMA}].products_staging USING (row_no)"
        )
        for (asin,) in changed:
            found.add(scopes.product(asin))
            if len(found) == _BUCKETS:  # after some 7,500 of them: the rest can't add any
                break
        return found

    def _rejects(self) -> Iterator[tuple[int, str, list[str | None]]]:
        """Row number, reason and fields of each rejected row, in the file's order."""
        fields = ", ".join(f"[{field}]" for field in self._kind.fields)
        rows = self._connection.execute(
            f"SELECT row_no, reason, {fields} FROM temp.rejected"
            f" JOIN [{IMPORT_SCHEMA}].{self._kind.staging} USING (row_no) ORDER BY row_no"
        )
        for row_no, reason, *values in rows:
            yield row_no, reason, values

    def _write_outcome(self, record: ImportRecord, outcome: Outcome) -> None:
        counts = outcome.counts
        self._connection.execute(
            "INSERT INTO main.import_outcomes (import_id, blob_name, sequence, status, message, rows_read,"
            " rows_inserted, rows_updated, rows_unchanged, rows_superseded, rows_rejected, merged_at)"
            # The first one counts: while a cancelled merge was rolled back the app may have decided too.
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (import_id) DO NOTHING",
            [
                self._import_id,
                record.blob_name,
                record.sequence,
                outcome.status,
                outcome.message,
                *counts.as_tuple(),
                self._now,
            ],
        )

    def _count(self, statement: str) -> int:
        (count,) = self._connection.execute(statement).fetchone()
        return int(count)

    def _section(self, name: str, **parameters: int) -> int:
        """Runs a section; gives how many rows its last statement changed."""
        changes = 0
        for statement in self._kind.sections[name]:
            self._stop.check()
            named: Mapping[str, int] = {"now": self._now, **parameters}
            changes = self._connection.execute(statement, named).rowcount
        return changes

    def _begin(self) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {round(_LOCK_TURN_SECONDS * 1000)}")
        while True:
            self._stop.check()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            else:
                self._now = time.time_ns() // 1000
                return

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The one transaction on the catalogue: committed at its end, rolled back when anything is raised."""
        with self._interruptible():
            self._begin()
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise StoppedError from error
            raise

    def _shorten_log(self) -> None:
        """Brings the write-ahead log back into the file: each page read from a long one costs a search through it.

        Readers and writers come first: what they keep from being done is done by a later checkpoint.
        """
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._connection.execute("PRAGMA main.wal_checkpoint(PASSIVE)")
        self._connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)")
