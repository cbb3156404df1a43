"""All scenarios by name, as long as `make prove-cache` runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from proofs.cache.kills import kills
from proofs.cache.outcome import Outcome
from proofs.cache.race import race
from proofs.cache.redis_trouble import LONG, redis_trouble
from proofs.cache.redis_troubles import TROUBLES
from proofs.cache.sql_away import sql_disk_full, sql_locked
from proofs.cache.stampede import stampede

_OPERATIONS, _KILLS = 200_000, 200

# Each gets an empty folder.
SCENARIOS: Mapping[str, Callable[[Path], Outcome]] = {
    "stampede": stampede,
    "sql_locked": sql_locked,
    "sql_disk_full": sql_disk_full,
    **{f"redis_{name}": partial(redis_trouble, name=name, course=LONG) for name in TROUBLES},
    "sigkill": partial(kills, times=_KILLS),
    "race_of_2": partial(race, instances=2, operations=_OPERATIONS),
    "race_of_4": partial(race, instances=4, operations=_OPERATIONS),
}
