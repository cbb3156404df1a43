"""SIGKILL of an instance amid its writes: nothing acknowledged is lost, no batch is half there, nothing stays stale."""

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

from proofs.cache import parts
from proofs.cache.ledger import Ledger, Shown, State
from proofs.cache.load import Load
from proofs.cache.outcome import Outcome
from shared.database.sqlite import files

_INSTANCES = 2
_DRAIN_SECONDS = 1.0
_WORK_SECONDS = 1.0  # that a drain, begun in time, may take itself
_ALIVE_SECONDS = (0.1, 0.6)  # between these an instance is killed
_PATIENT = {"CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5", "PROOF_DRAIN_SECONDS": str(_DRAIN_SECONDS)}


def kills(folder: Path, times: int) -> Outcome:
    """So many kills, each at a random moment, of a random instance."""
    outcome = Outcome("sigkill")
    valkey = parts.Valkey(folder)
    environment = parts.settings(folder, valkey.url, **_PATIENT)
    instances = parts.instances(_INSTANCES, folder, environment)
    with parts.started([valkey]), parts.started(instances):
        rounds = _Rounds(instances, outcome, files.catalog_file(sa.make_url(environment["DATABASE_URL"])))
        asyncio.run(rounds.run(times))
    outcome.facts["kills"] = str(times)
    outcome.facts["unanswered_writes"] = f"{rounds.landed} landed, {rounds.came_to_nothing} not"
    outcome.facts["left_in_outbox"] = str(rounds.left_in_outbox)
    return outcome


class _Rounds:
    """Load, kill, restart, drain, look; again and again over the same catalog."""

    def __init__(self, instances: list[parts.Part], outcome: Outcome, catalog: Path) -> None:
        self._instances = instances
        self._outcome = outcome
        self._catalog = catalog
        self._draw = random.Random(1)
        self._goes_on = True
        ports = [instance.port for instance in instances]
        ledger = Ledger(_DRAIN_SECONDS + _WORK_SECONDS)
        self._load = Load(ports, ledger, outcome, lambda: self._goes_on, instances_die=True)
        # Kills that came between a commit and its reply, and those whose outbox was still to be told to Redis.
        self.landed = self.came_to_nothing = self.left_in_outbox = 0

    async def run(self, times: int) -> None:
        await self._load.insert_categories()
        for _ in range(times):
            self._goes_on = True
            await self._load.run(self._kill())
            await asyncio.sleep(_DRAIN_SECONDS + _WORK_SECONDS)
            await asyncio.to_thread(self._wait_for_all)
            truth = self._truth()
            self._settle_unanswered(truth)
            self._compare(truth)
            await self._look()

    async def _kill(self) -> None:
        await asyncio.sleep(self._draw.uniform(*_ALIVE_SECONDS))
        victim = self._draw.choice(self._instances)
        await asyncio.to_thread(victim.end, signal.SIGKILL)
        # At once: a later write of the same tags would invalidate in the victim's place.
        self._goes_on = False
        self.left_in_outbox += self._waiting_in_outbox() > 0
        victim.start()

    def _wait_for_all(self) -> None:
        for instance in self._instances:
            instance.wait()

    async def _look(self) -> None:
        self._load.ledger.grace, grace = 0.0, self._load.ledger.grace
        self._load.instances_die = False
        await self._load.check_all()
        self._load.ledger.grace = grace
        self._load.instances_die = True

    def _settle_unanswered(self, truth: dict[str, State]) -> None:
        """A write without a reply was done or it wasn't, as a whole."""
        ledger = self._load.ledger
        for write in ledger.unanswered():
            landed = {asin: truth.get(asin) == state for asin, state in write.states.items()}
            undone = {asin: truth.get(asin) == ledger.before(write, asin) for asin in write.states}
            if all(landed.values()):
                ledger.replied(write)
                self.landed += 1
            elif all(undone.values()):
                ledger.refused(write)
                self.came_to_nothing += 1
            else:
                self._outcome.broken.append(f"half of a write: {landed}")

    def _compare(self, truth: dict[str, State]) -> None:
        """All that got its 2xx is in the database."""
        ledger = self._load.ledger
        for asin, course in ledger.courses.items():
            if course and truth.get(asin) != ledger.now(asin):
                self._outcome.broken.append(f"{asin} is {truth.get(asin)}, and {ledger.now(asin)} was acknowledged")
        counted = Counter(state.category_id for state in truth.values() if state)
        for category_id, count in self._rows("SELECT category_id, product_count FROM categories"):
            kept = counted[category_id] == count
            self._outcome.promise(
                kept=kept, sentence=f"category {category_id} counts {count}, not {counted[category_id]}"
            )

    def _truth(self) -> dict[str, State]:
        rows = self._rows("SELECT asin, category_id, reviews FROM products")
        return {asin: Shown(category_id, reviews) for asin, category_id, reviews in rows}

    def _waiting_in_outbox(self) -> int:
        ((count,),) = self._rows("SELECT count(*) FROM cache_invalidations WHERE applied_at IS NULL")
        return int(count)

    def _rows(self, statement: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self._catalog)) as connection:
            return connection.execute(statement).fetchall()
