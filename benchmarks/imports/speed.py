"""Whole imports of 1,426,337 rows by the local Data Factory, in three cases, beside SQLite's own `.import`.

The cases are the first load of an empty catalog, the same file again, and a file with 1 % of the rows changed. The
baseline is the sqlite3 shell's `.import`, the same indexes and the same text index, without any check. An import is
Copy and Merge as the factory runs them, from the blob in Azurite to `Succeeded`. Rounds are interleaved, and each has
a new catalog and a new factory process. The ratios are of wall time, since an import uses both cores.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cache.catalog import WHOLE
from benchmarks.figure import Bound, Figure
from benchmarks.imports import files, sqlite_import
from benchmarks.imports.cost import Cost
from benchmarks.imports.factory import Storage, azurite, factory, folder

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Round:
    """The costs of one round."""

    baseline: Cost
    first: Cost
    unchanged: Cost
    changed: Cost
    peak_mib: float


def measured(rows: int, rounds: int) -> list[Round]:
    """Measures that many rounds. The baseline runs first in every other round."""
    sources = files.kept(rows)
    with azurite() as storage:
        return [_round(sources, storage, number) for number in range(rounds)]


def _round(sources: files.Files, storage: Storage, number: int) -> Round:
    with folder() as place:
        catalog = place / "catalog.db"
        with factory(catalog, storage) as running:
            running.run("categories", running.received(sources.categories))
            received = [running.received(file) for file in (sources.products, sources.products, sources.changed)]
            baseline = _baseline(sources, catalog, place) if number % 2 == 0 else None
            with running.peak_memory() as peak:
                first, unchanged, changed = (running.run("products", import_id) for import_id in received)
        return Round(baseline or _baseline(sources, catalog, place), first, unchanged, changed, peak.mib)


def _baseline(sources: files.Files, catalog: Path, place: Path) -> Cost:
    return sqlite_import.run(sources.products, catalog, place)


def figures() -> Iterator[Figure]:
    """The ratios, the peak of the memory, and the seconds."""
    if sqlite_import.shell() is None:
        print("# The sqlite3 shell is missing; Python's csv and executemany are used instead.", flush=True)
    rounds = measured(WHOLE, _ROUNDS)

    baselines, firsts = [one.baseline for one in rounds], [one.first for one in rounds]
    unchanged, changed = [one.unchanged for one in rounds], [one.changed for one in rounds]
    yield Figure("import_1_4M_vs_sqlite_import", _wall_ratio(firsts, baselines), "x", Bound("<=", 1.2))
    yield Figure("reimport_unchanged_vs_first", _wall_ratio(unchanged, firsts), "x", Bound("<=", 0.6))
    yield Figure("reimport_1pct_vs_first", _wall_ratio(changed, firsts), "x", Bound("<=", 0.7))
    yield Figure("import_peak_memory_mib", max(one.peak_mib for one in rounds), "MiB")
    for name, times in (
        ("sqlite_import", baselines),
        ("import_first", firsts),
        ("import_unchanged", unchanged),
        ("import_1pct", changed),
    ):
        yield Figure(f"{name}_wall", statistics.median(one.wall for one in times), "s")
        yield Figure(f"{name}_cpu", statistics.median(one.cpu for one in times), "s")


def _wall_ratio(over: Sequence[Cost], under: Sequence[Cost]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a.wall / b.wall for a, b in zip(over, under, strict=True))
