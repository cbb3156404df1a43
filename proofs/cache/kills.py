"""Kills an instance during its writes: no acknowledged write is lost, each batch is atomic, and nothing stays stale."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from proofs.cache import processes
from proofs.cache.load import Load
from proofs.cache.outcome import Outcome
from proofs.cache.processes import Valkey, running
from proofs.cache.write_history import History, Product, State
from shared.database.sqlite import files
from testkit.processes import ServiceProcess
from testkit.serving import PATIENT_CACHE

_INSTANCES = 2
_DRAIN_SECONDS = 1.0
_WORK_SECONDS = 1.0  # duration of a drain
_LIFETIME_SECONDS = (0.1, 0.6)  # range of the time until an instance is killed
_SETTINGS = {**PATIENT_CACHE, "PROOF_DRAIN_SECONDS": str(_DRAIN_SECONDS)}


def kills(folder: Path, times: int) -> Outcome:
    """Kills a random instance at a random moment, that many times."""
    outcome = Outcome("sigkill")
    valkey = Valkey(folder)
    environment = processes.environment(folder, valkey.url, **_SETTINGS)
    instances = processes.instances(_INSTANCES, folder, environment)
    with running([valkey]), running(instances):
        rounds = _Rounds(instances, outcome, files.catalog_file(sa.make_url(environment["DATABASE_URL"])))
        asyncio.run(rounds.run(times))
    outcome.facts["kills"] = str(times)
    outcome.facts["unanswered_writes"] = f"{rounds.committed} committed, {rounds.not_committed} not"
    outcome.facts["left_in_outbox"] = str(rounds.left_in_outbox)
    return outcome


class _Rounds:
    """Load, kill, restart, drain, check; repeatedly over the same catalog."""

    def __init__(self, instances: list[ServiceProcess], outcome: Outcome, catalog: Path) -> None:
        self._instances = instances
        self._outcome = outcome
        self._catalog = catalog
        self._draw = random.Random(1)
        self._is_active = True
        ports = [instance.port for instance in instances]
        history = History(_DRAIN_SECONDS + _WORK_SECONDS)
        self._load = Load(ports, history, outcome, lambda: self._is_active, instances_die=True)
        # Unanswered writes that were committed or not, and kills that left invalidations in the outbox.
        self.committed = self.not_committed = self.left_in_outbox = 0

    async def run(self, times: int) -> None:
        await self._load.insert_categories()
        for _ in range(times):
            self._is_active = True
            await self._load.run(self._kill())
            await asyncio.sleep(_DRAIN_SECONDS + _WORK_SECONDS)
            await asyncio.to_thread(self._wait_until_ready)
            stored = self._stored_products()
            self._settle_unanswered(stored)
            self._compare(stored)
            await self._check_all()

    async def _kill(self) -> None:
        await asyncio.sleep(self._draw.uniform(*_LIFETIME_SECONDS))
        victim = self._draw.choice(self._instances)
        await asyncio.to_thread(victim.end, signal.SIGKILL)
        # The load stops at once: a later write of the same tags would invalidate in the victim's place.
        self._is_active = False
        self.left_in_outbox += self._waiting_in_outbox() > 0
        victim.start()

    def _wait_until_ready(self) -> None:
        for instance in self._instances:
            instance.wait_until_ready()

    async def _check_all(self) -> None:
        self._load.history.grace, grace = 0.0, self._load.history.grace
        self._load.instances_die = False
        await self._load.check_all()
        self._load.history.grace = grace
        self._load.instances_die = True

    def _settle_unanswered(self, stored: dict[str, State]) -> None:
        """Each write without a reply was committed as a whole, or not at all."""
        history = self._load.history
        for write in history.unanswered():
            committed = {asin: stored.get(asin) == state for asin, state in write.states.items()}
            rolled_back = {asin: stored.get(asin) == history.before(write, asin) for asin in write.states}
            if all(committed.values()):
                history.acknowledge(write)
                self.committed += 1
            elif all(rolled_back.values()):
                history.discard(write)
                self.not_committed += 1
            else:
                self._outcome.broken.append(f"a part of a write: {committed}")

    def _compare(self, stored: dict[str, State]) -> None:
        """Every acknowledged write is in the database."""
        history = self._load.history
        for asin, writes in history.writes.items():
            if writes and stored.get(asin) != history.now(asin):
                self._outcome.broken.append(
                    f"{asin} is {stored.get(asin)}, expected the acknowledged {history.now(asin)}"
                )
        counted = Counter(state.category_id for state in stored.values() if state)
        for category_id, count in self._rows("SELECT category_id, product_count FROM categories"):
            expected = counted[category_id]
            self._outcome.check(count == expected, f"category {category_id} counts {count}, not {expected}")

    def _stored_products(self) -> dict[str, State]:
        rows = self._rows("SELECT asin, category_id, reviews FROM products")
        return {asin: Product(category_id, reviews) for asin, category_id, reviews in rows}

    def _waiting_in_outbox(self) -> int:
        ((count,),) = self._rows("SELECT count(*) FROM cache_invalidations WHERE applied_at IS NULL")
        return int(count)

    def _rows(self, statement: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self._catalog)) as connection:
            return connection.execute(statement).fetchall()
