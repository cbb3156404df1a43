"""SIGKILL of the app's host, the local factory and Azurite at random moments of imports.

Each import is the next version of one catalog: every product gets another price, and one product is new; so how many
products there are and what they cost says which version somebody sees. Azurite keeps what it has taken in memory for
some seconds: killed, it may forget an upload. Who had uploaded it then does so once more, as a person would.
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
from pathlib import Path
from typing import Literal, Self

import httpx

from local.csv_upload import UNFINISHED
from proofs.imports.promise import BrokenPromiseError, hold
from proofs.imports.site import Site, site
from tests.imports.cloud import products

type Victim = Literal["host", "factory", "storage"]

VICTIMS: tuple[Victim, ...] = ("host", "factory", "storage")
ROUNDS = 50
_ROWS = 20_000
_SEED = 1
_NAME = "catalog.csv"
_CATEGORY = 1
# A part that is started again, and an import whose process died while it asked for a run: two minutes.
_SECONDS = 300.0
_TRIES = 5
# Beyond the end of an undisturbed import, so that some moments lie behind the merge.
_BEYOND = 1.2
_UNDISTURBED = 2


def prove(folder: Path) -> Iterator[str]:
    """50 imports, each with a kill."""
    with site(folder) as cloud:
        yield kill(cloud, ROUNDS, _ROWS, random.Random(_SEED))


def kill(cloud: Site, rounds: int, rows: int, moments: random.Random) -> str:
    """That many imports with a kill each, the parts in turn; gives what was seen. Raises BrokenPromiseError."""
    catalog = _Catalog(cloud, rows)
    began = time.monotonic()
    for _ in range(_UNDISTURBED):
        catalog.import_next(None, 0.0)
    usual = (time.monotonic() - began) / _UNDISTURBED
    killed: Counter[str] = Counter()
    for victim in itertools.islice(itertools.cycle(VICTIMS), rounds):
        catalog.import_next(victim, moments.uniform(0.0, _BEYOND * usual))
        killed[victim] += 1
    hold(true=cloud.rows("PRAGMA integrity_check") == [("ok",)], otherwise="Expected a sound file, got damage in it.")
    seen = ", ".join(f"{part} {count} times" for part, count in killed.items())
    ends = ", ".join(f"{count} {end}" for end, count in catalog.ends.most_common())
    return (
        f"{rounds} imports of {rows:,} rows, undisturbed {usual:.1f} s each; killed: {seen}; imports then: {ends}; "
        f"{catalog.looks:,} looks of readers, each at a whole version"
    )


@dataclass
class _Catalog:
    cloud: Site
    rows: int
    version: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    looks: int = 0

    def import_next(self, victim: Victim | None, after: float) -> None:
        """The next version is imported, and the victim killed so many seconds after its upload."""
        before, after_it = self._state(self.version), self._state(self.version + 1)
        content = products(after_it[0], price=f"{after_it[1] / 100:.2f}", category=_CATEGORY)
        with _Readers(self.cloud, {before, after_it}) as readers:
            import_id = self._drop(content)
            if victim:
                time.sleep(after)  # the random moment
                self._kill(victim)
            self._bring_to_its_end(import_id, content, before)
            self.looks += readers.looks
        self.version += 1
        self._is_exact(content)
        self.cloud.nothing_is_left()

    def _state(self, version: int) -> tuple[int, int, int]:
        """How many products there are of a version, and their lowest and highest price in cents."""
        return (self.rows + version, 100 + version, 100 + version) if version else (0, 0, 0)

    def _drop(self, content: bytes) -> str:
        """The import of the upload, which is tried until the storage takes it."""
        import_ids: list[str] = []

        def taken() -> bool:
            import_ids.append(self.cloud.drop(_NAME, content))
            return True

        self.cloud.wait_until(taken, "the upload is taken", _SECONDS)
        return import_ids[-1]

    def _kill(self, victim: Victim) -> None:
        run = self.cloud.run
        url = {"host": run.api, "factory": run.datafactory, "storage": self.cloud.storage_url}[victim]
        self.cloud.process_of(url).kill()

    def _bring_to_its_end(self, import_id: str, content: bytes, before: tuple[int, int, int]) -> None:
        """Until this version is in: an import that came to nothing loaded nothing, and its file is dropped again."""
        for _ in range(_TRIES):
            end = self._end(import_id)
            self.ends[end] += 1
            if end == "succeeded":
                return
            came = _state_of(self.cloud)
            hold(true=came == before, otherwise=f"An import ended {end}, but the catalog is {came}, not {before}.")
            import_id = self._drop(content)
        raise BrokenPromiseError(f"After {_TRIES} uploads no import had succeeded.")

    def _end(self, import_id: str) -> str:
        """The import's status, with no other under way; or that the storage forgot the upload (for an older one)."""
        ends: list[str] = []

        def ended() -> bool:
            records = {record["import_id"]: record["status"] for record in self.cloud.records()}
            if any(status in UNFINISHED for status in records.values()):
                return False
            if import_id in records:
                ends.append(records[import_id])
            elif not self.cloud.holds(_NAME, import_id):
                ends.append("forgotten by the storage")
            return bool(ends)

        self.cloud.wait_until(ended, "the import has ended", _SECONDS)
        return ends[0]

    def _is_exact(self, content: bytes) -> None:
        """One outcome of each import, the records' own; the rows, counts and words are those of the file."""
        outcomes = dict(self.cloud.rows("SELECT import_id, status FROM import_outcomes"))
        records = {record["import_id"]: record for record in self.cloud.records()}
        for import_id, status in outcomes.items():
            came = records[import_id]["status"]
            hold(true=came == status, otherwise=f"The import {import_id} is {came}, its outcome {status}.")
        newest = next(iter(records.values()))
        counts = [newest[f"rows_{name}"] for name in ("inserted", "updated", "unchanged", "superseded", "rejected")]
        total = self._state(self.version)[0]
        hold(true=newest["rows_read"] == sum(counts) == total, otherwise=f"Expected {total} rows, got {newest}.")
        expected = [
            (fields[0], fields[1], self._state(self.version)[1])
            for fields in (line.split(",") for line in content.decode().splitlines()[1:])
        ]
        kept = self.cloud.rows("SELECT asin, title, price FROM products ORDER BY asin")
        hold(true=kept == expected, otherwise=f"Expected {len(expected)} rows as in the file, got {len(kept)} others.")
        listed = self.cloud.rows("SELECT product_count FROM categories")
        hold(true=listed == [(total,)], otherwise=f"Expected the category to count {total}, got {listed}.")
        found = self.cloud.rows("SELECT count(*) FROM products_title_words WHERE products_title_words MATCH 'lamp'")
        hold(true=found == [(total,)], otherwise=f"Expected the word in {total} titles, got {found}.")


def _state_of(cloud: Site) -> tuple[int, int, int]:
    (state,) = cloud.rows("SELECT count(*), coalesce(min(price), 0), coalesce(max(price), 0) FROM products")
    return state[0], state[1], state[2]


class _Readers:
    """Look at the catalog all the time, by SQL and through the API, and keep what is none of these states."""

    def __init__(self, cloud: Site, states: set[tuple[int, int, int]]) -> None:
        self._cloud = cloud
        self._states = states
        self._over = threading.Event()
        self._wrong: list[object] = []
        self._threads = [threading.Thread(target=look) for look in (self._by_sql, self._by_api)]
        self.looks = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            hold(true=not self._wrong, otherwise=f"Expected one of {self._states}, a reader saw {self._wrong[:3]}.")

    def _saw(self, state: tuple[int, int, int]) -> None:
        self.looks += 1
        if state not in self._states:
            self._wrong.append(state)

    def _by_sql(self) -> None:
        while not self._over.wait(0.05):
            with contextlib.suppress(sqlite3.OperationalError):  # who was killed left a log to be recovered first
                self._saw(_state_of(self._cloud))

    def _by_api(self) -> None:
        query: dict[str, str | int] = {"category_id": _CATEGORY, "limit": 100, "include_total": "true"}
        with httpx.Client(base_url=self._cloud.run.api, timeout=30) as client:
            while not self._over.wait(0.05):
                try:
                    reply = client.get("/products", params=query)
                except httpx.HTTPError:
                    continue  # the host was killed
                if reply.is_success:
                    page = reply.json()
                    prices = [round(item["price"] * 100) for item in page["items"]] or [0]
                    self._saw((page["total"], min(prices), max(prices)))
