"""All scenarios by name, as long as `make prove-cache` runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.cache.proof.kills import kills
from tests.cache.proof.outcome import Outcome
from tests.cache.proof.race import race
from tests.cache.proof.redis_trouble import LONG, redis_trouble
from tests.cache.proof.redis_troubles import TROUBLES
from tests.cache.proof.sql_away import sql_disk_full, sql_locked
from tests.cache.proof.stampede import stampede

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
