"""1,000 small files at once: the factory's queue is full at 100, and each file is an import of its own all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proofs.imports.promise import hold
from proofs.imports.site import site
from tests.imports.cloud import products

_FILES = 1_000
_AT_ONCE = 16
_SECONDS = 1_800.0


def prove(folder: Path) -> Iterator[str]:
    """Drops them and waits for all."""
    with site(folder) as cloud:
        began = time.monotonic()

        def drop(number: int) -> str:
            return cloud.drop(f"{number}.csv", products(2, first=10 * number))

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            import_ids = set(threads.map(drop, range(_FILES)))
        dropped = time.monotonic() - began
        ended = "SELECT count(*) FROM import_outcomes WHERE status = 'succeeded'"
        cloud.wait_until(lambda: cloud.rows(ended) == [(_FILES,)], f"{_FILES:,} imports are merged", _SECONDS)
        cloud.wait_until(
            lambda: all(record["status"] == "succeeded" for record in cloud.records()), "each record says so", _SECONDS
        )
        records = list(cloud.records())
        hold(
            true=sorted(record["import_id"] for record in records) == sorted(import_ids),
            otherwise=f"Expected one record of each of {_FILES:,} files, got {len(records):,} records.",
        )
        inserted = {record["rows_inserted"] for record in records}
        hold(true=inserted == {2}, otherwise=f"Expected 2 rows inserted by each, got {inserted}.")
        rows = cloud.rows("SELECT count(*), count(DISTINCT asin) FROM products")
        hold(true=rows == [(2 * _FILES, 2 * _FILES)], otherwise=f"Expected {2 * _FILES:,} products, got {rows}.")
        cloud.nothing_is_left()
        seconds = time.monotonic() - began
        yield f"{_FILES:,} files dropped in {dropped:.0f} s, all succeeded after {seconds:.0f} s"
