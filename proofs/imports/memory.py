"""An import of 5 million rows needs as much memory as one of 1.4 million, since Copy and Merge stream the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Bound, Figure
from benchmarks.imports.process_tree import PeakMemory
from local.dataset.generate import PRODUCTS_FILE, write_catalog
from proofs.imports.scenario import (
    administered_cloud,
    check,
    import_file,
    process_of,
    query,
    wait_until_nothing_is_left,
)

_ROWS, _MORE_ROWS = 1_426_337, 5_000_000
_SEED = 4
_SECONDS = 3_600.0
# Short: with few samples the longer import would have more chances that one meets its peak.
_SAMPLE_SECONDS = 0.03


def prove(folder: Path) -> Iterator[str]:
    """Imports each file into an empty catalog, with a new factory."""
    fewer, of_fewer = _peak_mib(folder / "fewer", _ROWS)
    yield of_fewer
    more, of_more = _peak_mib(folder / "more", _MORE_ROWS)
    yield of_more
    figure = Figure("import_peak_memory_5M_vs_1_4M", more / fewer, "x", Bound("<=", 1.1))
    yield str(figure)
    check(figure.holds, f"Expected at most 1.1 times the memory, got {more:.0f} MiB for {fewer:.0f} MiB.")


def _peak_mib(folder: Path, rows: int) -> tuple[float, str]:
    with administered_cloud(folder) as cloud:
        write_catalog(folder, rows, _SEED)
        with PeakMemory(process_of(cloud.run.datafactory).pid, _SAMPLE_SECONDS) as peak:
            record = import_file(cloud, "products.csv", folder / PRODUCTS_FILE, _SECONDS)
        (folder / PRODUCTS_FILE).unlink()
        counts = (record["rows_read"], record["rows_inserted"], *query(cloud, "SELECT count(*) FROM products")[0])
        check(counts == (rows, rows, rows), f"Expected {rows:,} rows, got {counts}.")
        wait_until_nothing_is_left(cloud)
        seconds = sum(step["seconds"] for step in record["steps"])
        speed = f"{seconds:.0f} s, {record['rows_per_second']:,.0f} rows/s"
        return peak.mib, f"{rows:,} rows: {speed}, peak {peak.mib:.0f} MiB"
