"""The merge on SQLite: runs the sections of merge_products.sql or merge_categories.sql on the catalog.

Rows are judged before the catalog is locked. They are compared and written in one transaction; readers see the state
before it. The rejects go to the imports file in a short transaction of their own just before the commit. If the commit
then fails, the next try writes the same rejects again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import apsw
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite import staging_files
from local.datafactory.stores.sqlite.bulk import ProductInsert
from local.datafactory.stores.sqlite.import_store import ImportRecord, ImportStore
from local.datafactory.stores.sqlite.judge import BUSY_MILLISECONDS, Staging, compare, judge
from local.datafactory.stores.sqlite.merge_outcome import OUTCOME_COLUMNS, Outcome
from local.datafactory.stores.sqlite.merge_procedures import PROCEDURES, PRODUCTS
from shared.catalog import tags
from shared.database.metadata import IMPORT_SCHEMA
from shared.database.sqlite import files

log = logging.getLogger(__name__)

_BUCKETS = 1024
# How long one try for the lock waits. A request to stop is seen between two tries.
_LOCK_TRY_SECONDS = 1.0
_PRAGMAS = (
    # In KiB. Holds the pages of one index and the table that an update of 1 % of 1.4 million products touches at a
    # time. 112 MiB was not faster.
    "main.cache_size = -65536",
    "synchronous = NORMAL",
    # Helper threads sort an index while the next rows are read. On two cores, three take about 6 % less time than one.
    "threads = 3",
    # Sorted rows and what is found in staging may be larger than memory should be, so they go to files.
    "temp_store = FILE",
    "temp.journal_mode = OFF",
    # Freed pages need not be overwritten: whoever can read the file can read the catalog.
    "secure_delete = OFF",
    "foreign_keys = OFF",
    # _write_log_back brings the log back into the file after the commit.
    "wal_autocheckpoint = 0",
)


@dataclass(frozen=True)
class MergeCall:
    """A call of a merge procedure: the catalog, the procedure's name and its parameters."""

    url: sa.URL
    procedure: str
    import_id: str
    run_id: str
    rows_skipped: int


def merge(call: MergeCall, stop: Stop) -> dict[str, Json]:
    """Merges a run's staging rows into the catalog and returns the procedure's one row, the outcome.

    Raises StoppedError after a request to stop, and ActivityFailedError. Nothing is changed then.
    """
    catalog = files.catalog_file(call.url)
    try:
        with contextlib.closing(apsw.Connection(str(catalog), apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            with ImportStore(call.url) as imports, stop.on_request(connection.interrupt):
                outcome = CatalogMerge(connection, imports, call, stop).run()
                return {"import_id": call.import_id, **dataclasses.asdict(outcome)}
    except apsw.Error as error:
        raise ActivityFailedError("SqlOperationFailed", f"SQLite: {error}", "SystemError") from error


class CatalogMerge:
    """One merge on an open connection to the catalog."""

    def __init__(self, connection: apsw.Connection, imports: ImportStore, call: MergeCall, stop: Stop) -> None:
        self.connection = connection
        self._catalog_file = files.catalog_file(call.url)
        self._staging_file = staging_files.staging_file(call.url, call.run_id)
        self._imports = imports
        self._procedure = PROCEDURES[call.procedure]
        self._call = call
        self._stop = stop
        self._now = 0  # set under the lock, so that what others wrote before isn't dated after this merge

    def run(self) -> Outcome:
        """Merges, and returns how that ended."""
        record = self._imports.record(self._call.import_id)
        if early := self._decided_before(record):
            return early
        staging = self._attach_staging(record)
        with self._interruptible():
            judge(self.connection, staging)
            self.run_section("4 incoming", {})
        with self._locked():
            # Read again: another run may have merged since, or a cancel may have been requested.
            record = self._imports.record(self._call.import_id)
            if early := self._decided_before(record):
                return early
            outcome = self._merged(record, staging)
            self._write_outcome(record, outcome)
        self._clean_up(staging)
        return outcome

    def run_section(self, name: str, parameters: Mapping[str, int]) -> int:
        """Runs a section of the script. Returns how many rows its last statement changed."""
        for statement in self._procedure.sections[name]:
            self._stop.check()
            self.connection.execute(statement, {"now": self._now, **parameters})
        return self.connection.changes()

    def _attach_staging(self, record: ImportRecord) -> Staging:
        file = self._staging_file
        if not file.exists():
            raise ActivityFailedError("SqlOperationFailed", f"The run {self._call.run_id} has no staging rows.")
        self.connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(file)])
        return Staging(file, self._procedure, self._procedure.column_flags(record.csv_columns), self._stop)

    def _clean_up(self, staging: Staging) -> None:
        """Deletes the run's staging file and writes the log back into the catalog file.

        The merge has committed, so an error or an interrupt here doesn't fail it: the end of the run deletes the file
        too, and a later checkpoint writes back the rest of the log.
        """
        try:
            self.connection.execute("DROP VIEW temp.incoming")
            self.connection.execute(f"DETACH [{IMPORT_SCHEMA}]")
            staging.file.unlink(missing_ok=True)
            self._write_log_back()
        except (apsw.Error, OSError) as error:
            log.warning("after the merge of %s: %s", self._call.import_id, error)

    def _decided_before(self, record: ImportRecord) -> Outcome | None:
        """The outcome if there is nothing to merge. A new one is written under the lock."""
        if known := self._known_outcome():
            return known
        if record.cancel_requested:
            outcome = Outcome.cancelled_on_request()
        elif self._is_outdated(record):
            outcome = Outcome.outdated(record.blob_name)
        else:
            return None
        if self.connection.in_transaction:
            self._write_outcome(record, outcome)
            return outcome
        with self._locked():
            return self._decided_before(self._imports.record(self._call.import_id))

    def _known_outcome(self) -> Outcome | None:
        row = self.connection.execute(
            f"SELECT {', '.join(OUTCOME_COLUMNS)} FROM main.import_outcomes WHERE import_id = ?", [self._call.import_id]
        ).fetchone()
        return Outcome(*row) if row else None

    def _is_outdated(self, record: ImportRecord) -> bool:
        newer = self.connection.execute(
            "SELECT 1 FROM main.import_outcomes WHERE blob_name = ? AND sequence > ? AND status = 'succeeded' LIMIT 1",
            [record.blob_name, record.sequence],
        )
        return newer.fetchone() is not None

    def _merged(self, record: ImportRecord, staging: Staging) -> Outcome:
        staged = self._count(f"SELECT count(*) FROM [{IMPORT_SCHEMA}].{self._procedure.staging}")
        rejected = self._count("SELECT count(*) FROM temp.rejected") + self._call.rows_skipped
        read = staged + self._call.rows_skipped
        if rejected > record.max_reject_share * read:
            outcome = Outcome.too_many_rejects(read, rejected, record.max_reject_share)
        else:
            outcome = self._write_rows(staging, read, rejected)
        self._stop.check()
        # Read through the connection of the imports: the snapshot of this one is as old as its transaction.
        if self._imports.record(self._call.import_id).cancel_requested:
            self.connection.execute("ROLLBACK")
            self._begin()
            return Outcome.cancelled_on_request()
        self._imports.write_rejects(self._call.import_id, self._rejects())
        return outcome

    def _write_rows(self, staging: Staging, read: int, rejected: int) -> Outcome:
        superseded = self._count("SELECT count(*) FROM temp.superseded")
        good = read - rejected - superseded
        self.run_section("5 pending", {})
        with self._inserting(staging, good) as insert:
            compare(self.connection, self._catalog_file, staging)
            new, changed = self.connection.execute(
                "SELECT count(*) FILTER (WHERE known_id IS NULL), count(known_id) FROM temp.pending"
            ).get
            if new or changed:
                self.run_section("7 update", staging.column_flags)
                insert(new)
                self._write_stale_tags()
        return Outcome("succeeded", None, read, new, changed, good - new - changed, superseded, rejected)

    @contextlib.contextmanager
    def _inserting(self, staging: Staging, good: int) -> Iterator[Callable[[int], object]]:
        """Gives the function that inserts so many new rows; `good` is their highest possible number."""
        if self._procedure is not PRODUCTS:
            yield lambda _new: self.run_section("8 insert", {})
            return
        insert, index_words = (
            functools.partial(self._run_product_section, section) for section in ("8 insert", "9 words")
        )
        with ProductInsert(self.connection, staging.file, good, self._stop, insert, index_words) as products:
            yield products.run

    def _run_product_section(self, name: str, last_product_id: int) -> None:
        self.run_section(name, {"last_product_id": last_product_id})

    def _write_stale_tags(self) -> None:
        stale = {tags.CATEGORIES}
        if self._procedure is PRODUCTS:
            counted = self.run_section("10 count", {})
            touched = self.connection.execute("SELECT category_id FROM temp.touched")
            stale = {tags.CATALOG, *self._product_tags(), *(tags.category(category_id) for (category_id,) in touched)}
            if counted:
                stale.add(tags.CATEGORIES)
        self.connection.executemany(
            "INSERT INTO main.cache_invalidations (tag, created_at) VALUES (?, ?)",
            [(tag, self._now) for tag in sorted(stale)],
        )

    def _product_tags(self) -> set[str]:
        found: set[str] = set()
        changed = self.connection.execute(
            f"SELECT asin FROM temp.pending JOIN [{IMPORT_SCHEMA}].products_staging USING (row_no)"
        )
        for (asin,) in changed:
            found.add(tags.product(asin))
            if len(found) == _BUCKETS:  # after about 7,500 products: the others can't add a tag
                break
        return found

    def _rejects(self) -> Iterator[tuple[int, str, list[str | None]]]:
        """Row number, reason and fields of each rejected row, in the order of the file."""
        fields = ", ".join(f"[{column}]" for column in self._procedure.csv_columns)
        rows = self.connection.execute(
            f"SELECT row_no, reason, {fields} FROM temp.rejected"
            f" JOIN [{IMPORT_SCHEMA}].{self._procedure.staging} USING (row_no) ORDER BY row_no"
        )
        for row_no, reason, *values in rows:
            yield row_no, reason, values

    def _write_outcome(self, record: ImportRecord, outcome: Outcome) -> None:
        values = {
            "import_id": self._call.import_id,
            "blob_name": record.blob_name,
            "sequence": record.sequence,
            **dataclasses.asdict(outcome),
            "merged_at": self._now,
        }
        parameters = ", ".join(f":{name}" for name in values)
        self.connection.execute(
            f"INSERT INTO main.import_outcomes ({', '.join(values)}) VALUES ({parameters})"
            # The first outcome counts: the app may have written one while a cancelled merge was rolled back.
            " ON CONFLICT (import_id) DO NOTHING",
            values,
        )

    def _count(self, statement: str) -> int:
        return int(self.connection.execute(statement).get)

    def _begin(self) -> None:
        self.connection.set_busy_timeout(round(_LOCK_TRY_SECONDS * 1000))
        while True:
            self._stop.check()
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except apsw.BusyError:
                continue
            else:
                self._now = time.time_ns() // 1000
                return

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The one transaction on the catalog: committed at its end, rolled back after any error."""
        with self._interruptible():
            self._begin()
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except apsw.InterruptError as error:
            raise StoppedError from error

    def _write_log_back(self) -> None:
        """Writes the write-ahead log back into the file: each page read from a long log costs a search in it.

        Readers and writers come first. A later checkpoint writes back the pages that they still need.
        """
        self.connection.set_busy_timeout(0)
        self.connection.execute("PRAGMA main.wal_checkpoint(PASSIVE)")
        busy, pages, _ = self.connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").get
        if busy:
            log.info("a reader is active: the log of %s keeps its %s pages for now", self._catalog_file, pages)
