"""The catalog of the benchmarks: local.dataset generates it, and the stores of the local Data Factory load it.

A catalog of each size is created once, under .local/bench. A benchmark that writes uses a copy.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from local import PROJECT
from local.datafactory.delimited_text import DelimitedText
from local.datafactory.stop import Stop
from local.datafactory.stores import sql_store
from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, write_catalog
from shared.catalog.schemas import CSV_COLUMNS
from shared.database import migrate
from shared.database.sqlite import files
from shared.imports.tables import import_records

KEPT = PROJECT / ".local" / "bench"
SMALL, WHOLE = 20_000, 1_426_337
_SEED = 1
_CHUNK_BYTES = 4 * 1024 * 1024
_LOAD_SECONDS = 600.0


def kept(rows: int) -> Path:
    """The file of a catalog of that many products, for reading only. It is created if it doesn't exist."""
    file = KEPT / f"catalog-{rows}" / "catalog.db"
    url = sa.make_url(f"sqlite:///{file}")
    complete = file.with_name("complete")
    if not complete.exists():
        shutil.rmtree(file.parent, ignore_errors=True)
        migrate.upgrade(url)
        csv_folder = file.parent / "csv"
        write_catalog(csv_folder, rows, _SEED)
        _load(url, "categories", csv_folder / CATEGORIES_FILE)
        _load(url, "products", csv_folder / PRODUCTS_FILE)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("DELETE FROM cache_invalidations")
            connection.commit()
        shutil.rmtree(csv_folder)
        complete.touch()
    migrate.upgrade(url)  # it may be older than a migration
    return file


def copied(rows: int, folder: Path) -> Path:
    """A copy of that catalog in the folder, for writing."""
    file = kept(rows)
    for source in (file, files.imports_file(sa.make_url(f"sqlite:///{file}"))):
        shutil.copy(source, folder)
    return folder / file.name


def largest_categories(catalog: Path, count: int) -> list[int]:
    """The ids of the categories with the most products."""
    with closing(sqlite3.connect(catalog)) as connection:
        rows = connection.execute(
            "SELECT category_id FROM categories ORDER BY product_count DESC, category_id LIMIT ?", [count]
        )
        return [category_id for (category_id,) in rows]


def add_record(url: sa.URL, import_id: str, csv_file: Path) -> None:
    """Inserts the record of an import whose run starts. The import fails if a row is rejected."""
    imports = sa.create_engine(files.imports_url(url)).execution_options(schema_translate_map={"import": None})
    with imports.begin() as connection:
        connection.execute(
            sa.insert(import_records).values(
                import_id=import_id,
                blob_name=csv_file.name,
                etag=import_id,
                size_bytes=csv_file.stat().st_size,
                status="running",
                max_reject_share=0.0,
                received_at=dt.datetime.now(dt.UTC),
            )
        )
    imports.dispose()


def _load(url: sa.URL, kind: str, csv_file: Path) -> None:
    import_id, run_id = str(uuid.uuid4()), str(uuid.uuid4())
    add_record(url, import_id, csv_file)
    store = sql_store(url)
    names = ["run_id", *CSV_COLUMNS[kind]]
    schema = pa.schema([(name, pa.string()) for name in names])
    rows = pa.RecordBatchReader.from_batches(schema, _staging_rows(csv_file, kind, run_id, schema))
    store.copy_into(run_id, "import", f"{kind}_staging", None, rows)
    outcome = store.call(
        f"import.merge_{kind}",
        {"import_id": import_id, "run_id": run_id, "rows_skipped": 0},
        _LOAD_SECONDS,
        Stop(),
    )
    store.end_run(run_id)
    if outcome["status"] != "succeeded":
        raise RuntimeError(f"Expected the benchmark's catalog to load, got {outcome['status']}: {outcome['message']}")


def _staging_rows(csv_file: Path, kind: str, run_id: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with csv_file.open("rb") as file:
        text = DelimitedText(iter(lambda: file.read(_CHUNK_BYTES), b""))
        for block in text.blocks([text.header.index(name) for name in CSV_COLUMNS[kind]]):
            run = pa.repeat(pa.scalar(run_id), block.rows.num_rows)
            yield pa.RecordBatch.from_arrays([run, *block.rows.columns], schema=schema)
