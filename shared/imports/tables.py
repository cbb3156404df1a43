"""The tables of imports. Migrations create them; a test compares the two."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Table

from shared.catalog.schemas import CSV_COLUMNS
from shared.database.metadata import RowId, catalog_metadata, imports_metadata, staging_metadata
from shared.database.types import UtcTime, exact_ascii, exact_code, exact_long_text, exact_text
from shared.imports.schemas import RowCounts


def _row_counts() -> list[Column[int]]:
    return [Column(name, BigInteger) for name in RowCounts.model_fields]


# How each import ended. The merge inserts its row in its own transaction; the record follows.
import_outcomes = Table(
    "import_outcomes",
    catalog_metadata,
    Column("import_id", exact_code(36), primary_key=True),
    Column("blob_name", exact_text(1024), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("status", exact_ascii(10), nullable=False),  # succeeded, failed or cancelled
    Column("message", exact_text(2000)),
    *_row_counts(),
    Column("merged_at", UtcTime, nullable=False),
)

import_records = Table(
    "import_records",
    imports_metadata,
    # Of two uploads of the same blob, the one with the higher sequence is the newer.
    Column("sequence", RowId, primary_key=True, autoincrement=True),
    Column("import_id", exact_code(36), nullable=False),
    Column("blob_name", exact_text(1024), nullable=False),
    Column("etag", exact_ascii(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("kind", exact_ascii(10)),  # products, categories, or null where the file was not recognised
    Column("status", exact_ascii(10), nullable=False),  # received, running, succeeded, rejected, failed, cancelled
    Column("message", exact_text(2000)),
    Column("max_reject_share", Float, nullable=False),
    Column("csv_columns", exact_ascii(400)),  # the known columns that the file has: CSV names separated by commas
    Column("cancel_requested", Boolean, nullable=False, server_default="0"),
    *_row_counts(),
    Column("rows_per_second", Float),
    Column("progress", Float, nullable=False, server_default="0"),
    Column("seconds_left", Float),
    Column("steps", exact_long_text(), nullable=False, server_default="[]"),  # JSON: [{"name": …, "seconds": …}]
    Column("run_id", exact_ascii(64)),
    Column("uploaded_by", exact_ascii(128)),
    Column("received_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
)
Index("uq_import_records_import_id", import_records.c.import_id, unique=True)
Index("ix_import_records_status", import_records.c.status, import_records.c.sequence)

# Who requested which upload URL: insert_record finds the user by the blob's name.
import_uploads = Table(
    "import_uploads",
    imports_metadata,
    # UUID/file name of at most 200 characters. A key of SQL Server has at most 900 bytes.
    Column("blob_name", exact_text(440), primary_key=True),
    Column("uploaded_by", exact_ascii(128)),
    Column("created_at", UtcTime, nullable=False),
)

import_rejects = Table(
    "import_rejects",
    imports_metadata,
    Column("import_id", exact_code(36), primary_key=True),
    Column("row_no", BigInteger, primary_key=True),
    Column("reason", exact_text(400), nullable=False),
    Column("fields", exact_long_text(), nullable=False),  # a JSON list of the row's texts, in the order of CSV_COLUMNS
)


# Data Factory's Copy fills these tables: every column is text as it came, row_no follows the order of the file.
def _staging(kind: str) -> Table:
    return Table(
        f"{kind}_staging",
        staging_metadata,
        Column("row_no", RowId, primary_key=True, autoincrement=True),
        Column("run_id", exact_ascii(64), nullable=False),
        *(Column(name, exact_long_text()) for name in CSV_COLUMNS[kind]),
    )


products_staging = _staging("products")
categories_staging = _staging("categories")
STAGING = {table.key: table for table in (products_staging, categories_staging)}
