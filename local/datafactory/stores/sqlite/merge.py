"""The merge on SQLite: the sections of local/datafactory/stores/sqlite/merge_*.sql, in one transaction on the catalog.

Judging the rows comes before the lock. The catalog is then held while rows are compared and written; readers go on
with the state before. The rejects go to the imports' file in a short transaction of its own just before the commit:
written again they are the same.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import apsw
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.merge_kinds import KINDS
from local.datafactory.stores.merge_outcome import Counts, ImportRecord, Outcome
from local.datafactory.stores.sqlite.bulk import ProductInsert
from local.datafactory.stores.sqlite.import_store import ImportStore
from local.datafactory.stores.sqlite.judge import BUSY_MILLISECONDS, compare, judge
from shared.catalog import tags
from shared.database.metadata import IMPORT_SCHEMA
from shared.database.sqlite import files

log = logging.getLogger(__name__)

_BUCKETS = 1024
# The lock is asked for in turns of this length, between which a request to stop is seen.
_LOCK_TURN_SECONDS = 1.0
_PRAGMAS = (
    # KiB. Holds what updates of 1 % of 1.4 million products touch of one index and the table at a time; 112 MiB weren't
    # faster.
    "main.cache_size = -65536",
    "synchronous = NORMAL",
    # That help the one that calls: an index is sorted in runs while the next rows are read. On two cores three of them
    # take some 6 % less time than one.
    "threads = 3",
    # Files: what is sorted, and what is found in the staging rows, may be larger than memory should be.
    "temp_store = FILE",
    "temp.journal_mode = OFF",
    # What is freed need not be overwritten: whoever can read the file can read the catalog.
    "secure_delete = OFF",
    "foreign_keys = OFF",
    # The log goes back into the file when the commit is done, see _write_log_back.
    "wal_autocheckpoint = 0",
)


@dataclass(frozen=True)
class MergeCall:
    """A call of a merge's procedure: the catalog, the procedure's name and its parameters."""

    url: sa.URL
    procedure: str
    import_id: str
    run_id: str
    rows_skipped: int


def merge(call: MergeCall, stop: Stop) -> dict[str, Json]:
    """Merges a run's staging rows into the catalog; gives the outcome as the procedure's one row.

    Raises StoppedError when told to stop: nothing is changed then. Raises ActivityFailedError.
    """
    catalog = files.catalog_file(call.url)
    try:
        with contextlib.closing(apsw.Connection(str(catalog), apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            with ImportStore(call.url) as imports, stop.on_request(connection.interrupt):
                return _Merge(connection, imports, call, stop).run().as_row(call.import_id)
    except apsw.Error as error:
        raise ActivityFailedError("SqlOperationFailed", f"SQLite: {error}", "SystemError") from error


class _Merge:
    def __init__(self, connection: apsw.Connection, imports: ImportStore, call: MergeCall, stop: Stop) -> None:
        self._connection = connection
        self._catalog_file = files.catalog_file(call.url)
        self._staging_file = files.staging_file(call.url, call.run_id)
        self._imports = imports
        self._kind = KINDS[call.procedure]
        self._of_products = self._kind is KINDS["import.merge_products"]
        self._import_id = call.import_id
        self._run_id = call.run_id
        self._rows_skipped = call.rows_skipped
        self._stop = stop
        self._now = 0  # until the lock is held: what another has written until then isn't dated after this merge

    def run(self) -> Outcome:
        record = self._imports.record(self._import_id)
        if early := self._decided_before(record):
            return early
        self._attach_staging()
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
        self._clear_up()
        return outcome

    def _attach_staging(self) -> None:
        if not self._staging_file.exists():
            raise ActivityFailedError("SqlOperationFailed", f"The run {self._run_id} has no staging rows.")
        self._connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(self._staging_file)])

    def _clear_up(self) -> None:
        """Deletes the run's file and writes the log back, which takes the system's memory that held the file.

        The merge has committed: what fails or is interrupted here doesn't fail it. The run's end deletes the file, too,
        and a later checkpoint writes back what is left.
        """
        try:
            self._connection.execute("DROP VIEW temp.incoming")
            self._connection.execute(f"DETACH [{IMPORT_SCHEMA}]")
            self._staging_file.unlink(missing_ok=True)
            self._write_log_back()
        except (apsw.Error, OSError) as error:
            log.warning("after the merge of %s: %s", self._import_id, error)

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
        superseded = self._count("SELECT count(*) FROM temp.superseded")
        good = read - rejected - superseded
        self._section("5 pending")
        with self._inserting(good) as insert:
            compare(self._connection, self._staging_file, self._catalog_file, self._kind, self._stop)
            new, changed = self._connection.execute(self._kind.count_pending).get
            if new or changed:
                self._section("7 update")
                insert(new)
                self._write_stale_tags()
        return Counts(read, new, changed, good - new - changed, superseded, rejected)

    @contextlib.contextmanager
    def _inserting(self, good: int) -> Iterator[Callable[[int], object]]:
        """What inserts so many new rows; `good` is how many there are at most."""
        if not self._of_products:
            yield lambda _new: self._section("8 insert")
            return
        with ProductInsert(
            self._connection,
            self._staging_file,
            good,
            self._stop,
            lambda last_id: self._section("8 insert", last_product_id=last_id),
            lambda last_id: self._section("9 words", last_product_id=last_id),
        ) as products:
            yield products.run

    def _write_stale_tags(self) -> None:
        stale = {tags.CATEGORIES}
        if self._of_products:
            counted = self._section("10 count")
            stale = {tags.CATALOG, *self._category_tags(), *self._product_tags()}
            if counted:
                stale.add(tags.CATEGORIES)
        self._connection.executemany(
            "INSERT INTO main.cache_invalidations (tag, created_at) VALUES (?, ?)",
            [(tag, self._now) for tag in sorted(stale)],
        )

    def _category_tags(self) -> Iterator[str]:
        for (category_id,) in self._connection.execute("SELECT category_id FROM temp.touched"):
            yield tags.category(category_id)

    def _product_tags(self) -> set[str]:
        found: set[str] = set()
        changed = self._connection.execute(
            f"SELECT asin FROM temp.pending JOIN [{IMPORT_SCHEMA}].products_staging USING (row_no)"
        )
        for (asin,) in changed:
            found.add(tags.product(asin))
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
        return int(self._connection.execute(statement).get)

    def _section(self, name: str, **parameters: int) -> int:
        """Runs a section; gives how many rows its last statement changed."""
        for statement in self._kind.sections[name]:
            self._stop.check()
            named: Mapping[str, int] = {"now": self._now, **parameters}
            self._connection.execute(statement, named)
        return self._connection.changes()

    def _begin(self) -> None:
        self._connection.set_busy_timeout(round(_LOCK_TURN_SECONDS * 1000))
        while True:
            self._stop.check()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except apsw.BusyError:
                continue
            else:
                self._now = time.time_ns() // 1000
                return

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The one transaction on the catalog: committed at its end, rolled back when anything is raised."""
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
        except apsw.InterruptError as error:
            raise StoppedError from error

    def _write_log_back(self) -> None:
        """Brings the write-ahead log back into the file: each page read from a long one costs a search through it.

        Readers and writers come first: what they keep from being done is done by a later checkpoint.
        """
        self._connection.set_busy_timeout(0)
        self._connection.execute("PRAGMA main.wal_checkpoint(PASSIVE)")
        busy, pages, _ = self._connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").get
        if busy:
            log.info("somebody reads: the log of %s keeps its %s pages for now", self._catalog_file, pages)
