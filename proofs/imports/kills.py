"""Kills the app's host, the local factory and Azurite at random moments of imports.

Each import is the next version of one catalog: every product gets another price, and one product is new. So the number
of products and their prices tell which version a reader sees. Azurite keeps an upload in memory for some seconds, and
may lose it when it is killed. The file is then uploaded again, as a user would do.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, Self

import httpx

from local.csv_upload import UNFINISHED
from proofs.imports.scenario import (
    BrokenPromiseError,
    administered_cloud,
    check,
    process_of,
    query,
    wait_until_nothing_is_left,
)
from testkit.csv_files import products
from testkit.local_cloud import RESTARTING, LocalCloud
from testkit.waiting import wait_until

type Victim = Literal["host", "factory", "storage"]

VICTIMS: tuple[Victim, ...] = ("host", "factory", "storage")
ROUNDS = 50
_ROWS = 20_000
_SEED = 1
_NAME = "catalog.csv"
_CATEGORY = 1
# A service is started again, and an import whose process died while it created a run waits two minutes.
_SECONDS = 300.0
_MAX_UPLOADS = 5
# Relative to the duration of an undisturbed import, so that some kills come after the merge.
_LATEST_KILL = 1.2
_UNDISTURBED = 2


def prove(folder: Path) -> Iterator[str]:
    """Runs 50 imports, each with a kill."""
    with administered_cloud(folder) as cloud:
        yield kill(cloud, ROUNDS, _ROWS, random.Random(_SEED))


def kill(cloud: LocalCloud, rounds: int, rows: int, moments: random.Random) -> str:
    """Runs that many imports and kills a service during each, in turn; returns a finding. Raises BrokenPromiseError."""
    catalog = _Catalog(cloud, rows)
    began = time.monotonic()
    for _ in range(_UNDISTURBED):
        catalog.import_next(None, 0.0)
    usual = (time.monotonic() - began) / _UNDISTURBED
    killed: Counter[str] = Counter()
    for victim in itertools.islice(itertools.cycle(VICTIMS), rounds):
        catalog.import_next(victim, moments.uniform(0.0, _LATEST_KILL * usual))
        killed[victim] += 1
    check(query(cloud, "PRAGMA integrity_check") == [("ok",)], "Expected a sound database file, got a damaged one.")
    kills = ", ".join(f"{victim} {count} times" for victim, count in killed.items())
    ends = ", ".join(f"{count} {end}" for end, count in catalog.ends.most_common())
    return (
        f"{rounds} imports of {rows:,} rows, undisturbed {usual:.1f} s each; killed: {kills}; imports then: {ends}; "
        f"{catalog.reads:,} reads, each of a whole version"
    )


@dataclass
class _Catalog:
    cloud: LocalCloud
    rows: int
    version: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    reads: int = 0

    def import_next(self, victim: Victim | None, after: float) -> None:
        """Imports the next version, and kills the victim that many seconds after the upload."""
        old, new = self._state(self.version), self._state(self.version + 1)
        content = products(new[0], price=f"{new[1] / 100:.2f}", category=_CATEGORY)
        with _Readers(self.cloud, {old, new}) as readers:
            import_id = self._upload(content)
            if victim:
                time.sleep(after)  # the random moment
                self._kill(victim)
            self._import_until_succeeded(import_id, content, old)
            self.reads += readers.reads
        self.version += 1
        self._check_catalog(content)
        wait_until_nothing_is_left(self.cloud)

    def _state(self, version: int) -> tuple[int, int, int]:
        """The number of products of a version, and their lowest and highest price in cents."""
        return (self.rows + version, 100 + version, 100 + version) if version else (0, 0, 0)

    def _upload(self, content: bytes) -> str:
        """Uploads the file until the storage accepts it, and returns the id of its import."""
        return wait_until(
            lambda: self.cloud.upload(_NAME, content), "the storage accepts the file", _SECONDS, transient=RESTARTING
        )

    def _kill(self, victim: Victim) -> None:
        run = self.cloud.run
        url = {"host": run.api, "factory": run.datafactory, "storage": str(self.cloud.storage.url)}[victim]
        process_of(url).kill()

    def _import_until_succeeded(self, import_id: str, content: bytes, old: tuple[int, int, int]) -> None:
        """Waits until this version is imported. An import that fails loads nothing, and its file is uploaded again."""
        for _ in range(_MAX_UPLOADS):
            end = wait_until(partial(self._end, import_id), "the import has ended", _SECONDS, transient=RESTARTING)
            self.ends[end] += 1
            if end == "succeeded":
                return
            came = _state_of(self.cloud)
            check(came == old, f"An import ended {end}: expected the catalog {old}, got {came}.")
            import_id = self._upload(content)
        raise BrokenPromiseError(f"After {_MAX_UPLOADS} uploads no import had succeeded.")

    def _end(self, import_id: str) -> str | None:
        """The import's final status, or that the storage lost the upload; None while any import is unfinished."""
        statuses = {record["import_id"]: record["status"] for record in self.cloud.records()}
        if any(status in UNFINISHED for status in statuses.values()):
            return None
        if import_id not in statuses and self.cloud.import_id(_NAME) != import_id:
            return "lost by the storage"
        return statuses.get(import_id)

    def _check_catalog(self, content: bytes) -> None:
        """Checks that each record has its import's outcome, and that rows, counts and words are those of the file."""
        outcomes = dict(query(self.cloud, "SELECT import_id, status FROM import_outcomes"))
        records = {record["import_id"]: record for record in self.cloud.records()}
        for import_id, status in outcomes.items():
            came = records[import_id]["status"]
            check(came == status, f"The import {import_id} is {came}, its outcome {status}.")
        newest = next(iter(records.values()))
        counts = [newest[f"rows_{name}"] for name in ("inserted", "updated", "unchanged", "superseded", "rejected")]
        total = self._state(self.version)[0]
        check(newest["rows_read"] == sum(counts) == total, f"Expected {total} rows, got {newest}.")
        expected = [
            (fields[0], fields[1], self._state(self.version)[1])
            for fields in (line.split(",") for line in content.decode().splitlines()[1:])
        ]
        kept = query(self.cloud, "SELECT asin, title, price FROM products ORDER BY asin")
        check(kept == expected, f"Expected {len(expected)} rows as in the file, got {len(kept)} others.")
        listed = query(self.cloud, "SELECT product_count FROM categories")
        check(listed == [(total,)], f"Expected the category to count {total}, got {listed}.")
        found = query(self.cloud, "SELECT count(*) FROM products_title_words WHERE products_title_words MATCH 'lamp'")
        check(found == [(total,)], f"Expected the word in {total} titles, got {found}.")


def _state_of(cloud: LocalCloud) -> tuple[int, int, int]:
    (state,) = query(cloud, "SELECT count(*), coalesce(min(price), 0), coalesce(max(price), 0) FROM products")
    return state[0], state[1], state[2]


class _Readers:
    """Read the catalog repeatedly, by SQL and through the API, and keep every state that isn't one of these."""

    def __init__(self, cloud: LocalCloud, states: set[tuple[int, int, int]]) -> None:
        self._cloud = cloud
        self._states = states
        self._ended = threading.Event()
        self._wrong: list[object] = []
        self._threads = [threading.Thread(target=read) for read in (self._by_sql, self._by_api)]
        self.reads = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            check(not self._wrong, f"Expected one of {self._states}, got {self._wrong[:3]} in a read.")

    def _note(self, state: tuple[int, int, int]) -> None:
        self.reads += 1
        if state not in self._states:
            self._wrong.append(state)

    def _by_sql(self) -> None:
        while not self._ended.wait(0.05):
            with contextlib.suppress(sqlite3.OperationalError):  # the log of a killed process is recovered first
                self._note(_state_of(self._cloud))

    def _by_api(self) -> None:
        query: dict[str, str | int] = {"category_id": _CATEGORY, "limit": 100, "include_total": "true"}
        with httpx.Client(base_url=self._cloud.run.api, timeout=30) as client:
            while not self._ended.wait(0.05):
                try:
                    reply = client.get("/products", params=query)
                except httpx.HTTPError:
                    continue  # the host was killed
                if reply.is_success:
                    page = reply.json()
                    prices = [round(item["price"] * 100) for item in page["items"]] or [0]
                    self._note((page["total"], min(prices), max(prices)))
