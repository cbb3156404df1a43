"""All scenarios of `make prove-cache`, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from proofs.cache.faults import FAULTS
from proofs.cache.kills import kills
from proofs.cache.outcome import Outcome
from proofs.cache.race import race
from proofs.cache.redis_fault import LONG, redis_fault
from proofs.cache.sql_outage import sql_disk_full, sql_locked
from proofs.cache.stampede import stampede

_OPERATIONS, _KILLS = 200_000, 200

# Each gets an empty folder, and returns its result.
SCENARIOS: Mapping[str, Callable[[Path], Outcome]] = {
    "stampede": stampede,
    "sql_locked": sql_locked,
    "sql_disk_full": sql_disk_full,
    **{f"redis_{name}": partial(redis_fault, name=name, timing=LONG) for name in FAULTS},
    "sigkill": partial(kills, times=_KILLS),
    "race_of_2": partial(race, instances=2, operations=_OPERATIONS),
    "race_of_4": partial(race, instances=4, operations=_OPERATIONS),
}
