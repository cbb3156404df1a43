"""1,000 small files at once, although the factory queues only 100 runs: each file is imported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proofs.imports.scenario import administered_cloud, check, query, wait_until_nothing_is_left
from testkit.csv_files import products
from testkit.waiting import wait_until

_FILES = 1_000
_AT_ONCE = 16
_SECONDS = 1_800.0


def prove(folder: Path) -> Iterator[str]:
    """Drops the files and waits for all imports."""
    with administered_cloud(folder) as cloud:
        began = time.monotonic()

        def drop(number: int) -> str:
            return cloud.upload(f"{number}.csv", products(2, first=10 * number))

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            import_ids = set(threads.map(drop, range(_FILES)))
        dropped = time.monotonic() - began
        ended = "SELECT count(*) FROM import_outcomes WHERE status = 'succeeded'"
        wait_until(lambda: query(cloud, ended) == [(_FILES,)], f"{_FILES:,} imports are merged", _SECONDS)
        wait_until(
            lambda: all(record["status"] == "succeeded" for record in cloud.records()),
            "each record has succeeded",
            _SECONDS,
        )
        records = list(cloud.records())
        check(
            sorted(record["import_id"] for record in records) == sorted(import_ids),
            f"Expected one record of each of {_FILES:,} files, got {len(records):,} records.",
        )
        inserted = {record["rows_inserted"] for record in records}
        check(inserted == {2}, f"Expected 2 rows inserted by each, got {inserted}.")
        rows = query(cloud, "SELECT count(*), count(DISTINCT asin) FROM products")
        check(rows == [(2 * _FILES, 2 * _FILES)], f"Expected {2 * _FILES:,} products, got {rows}.")
        wait_until_nothing_is_left(cloud)
        seconds = time.monotonic() - began
        yield f"{_FILES:,} files dropped in {dropped:.0f} s, all succeeded after {seconds:.0f} s"
