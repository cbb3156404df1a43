"""The race: a read that begins after a write's reply never shows an older state, whichever instance answers it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proofs.cache import imports, processes
from proofs.cache.load import Load, countdown
from proofs.cache.outcome import Outcome
from proofs.cache.processes import Valkey, running
from proofs.cache.write_history import History

# The promise holds while Redis is reachable. On a busy machine Redis needs longer than the default limits to answer.
_PATIENT = {"CACHE_TIMEOUT": "5", "CACHE_WRITE_TIMEOUT": "5", "DATABASE_STATEMENT_SECONDS": "30"}


def race(folder: Path, instances: int, operations: int) -> Outcome:
    """Runs that many operations over that many instances, with imports at the same time."""
    outcome = Outcome(f"race_of_{instances}")
    valkey = Valkey(folder)
    environment = processes.environment(folder, valkey.url, **_PATIENT)
    with (
        imports.storage(folder) as storage,
        imports.factory(folder, environment, storage) as factory,
        running([valkey]),
        running(processes.instances(instances, folder, environment)) as started,
    ):
        load = Load([instance.port for instance in started], History(), outcome, countdown(operations, outcome))
        asyncio.run(_race(load, {**environment, **factory}))
    outcome.facts["hits"] = f"{outcome.hits / max(1, len(outcome.reads)):.0%}"
    outcome.check(outcome.hits > operations / 20, f"only {outcome.hits} hits")
    outcome.check(outcome.facts["imports"] != "0", "no import succeeded")
    return outcome


async def _race(load: Load, environment: dict[str, str]) -> None:
    await load.insert_categories()
    await load.run(imports.keep_importing(load, environment))
    await load.check_all()
