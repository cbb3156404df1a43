"""The race: a read that began after a write's reply never shows the state before it, whichever instance it asks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proofs.cache import imports, parts
from proofs.cache.ledger import Ledger
from proofs.cache.load import Load, countdown
from proofs.cache.outcome import Outcome

# The promise holds while Redis is reachable: on a machine busy with more than it can do, that takes patience.
_PATIENT = {"CACHE_TIMEOUT": "5", "CACHE_WRITE_TIMEOUT": "5", "DATABASE_STATEMENT_SECONDS": "30"}


def race(folder: Path, instances: int, operations: int) -> Outcome:
    """So many operations over so many instances, imports in between."""
    outcome = Outcome(f"race_of_{instances}")
    valkey = parts.Valkey(folder)
    environment = parts.settings(folder, valkey.url, **_PATIENT)
    with (
        imports.storage(folder) as storage,
        imports.factory(folder, environment, storage) as factory,
        parts.started([valkey]),
        parts.started(parts.instances(instances, folder, environment)) as running,
    ):
        load = Load([part.port for part in running], Ledger(), outcome, countdown(operations, outcome))
        asyncio.run(_race(load, {**environment, **factory}))
    outcome.facts["hits"] = f"{outcome.hits / max(1, len(outcome.reads)):.0%}"
    outcome.promise(kept=outcome.hits > operations / 20, sentence=f"only {outcome.hits} hits")
    outcome.promise(kept=outcome.facts["imports"] != "0", sentence="no import in between")
    return outcome


async def _race(load: Load, environment: dict[str, str]) -> None:
    await load.insert_categories()
    await load.run(imports.keep_importing(load, environment))
    await load.check_all()
