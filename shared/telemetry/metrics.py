"""The application's metrics: plain counts, which cost a look-up in a dictionary and need no library.

Where Application Insights is on, `azure_monitor.py` gives them to OpenTelemetry, which reads them once a minute: its
own counter costs nine microseconds a count, a fifth of a hit. Each has few labels, whose values are bounded.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from shared.telemetry.work import CACHE, IMPORT_KIND, IMPORT_STATUS, OPERATION

if TYPE_CHECKING:
    import sqlalchemy as sa

STATUS_CODE = "http.response.status_code"
ROW_OUTCOME = "catalog.row_outcome"

# A value, and the labels that it is for.
type Observed = tuple[Mapping[str, str], float]


class Metric:
    """What all have: a name, a unit of UCUM, a sentence, and the names of the labels."""

    def __init__(self, name: str, unit: str, description: str, *labels: str) -> None:
        self.name = name
        self.unit = unit
        self.description = description
        self._labels = labels

    def labelled(self, values: tuple[str, ...]) -> Mapping[str, str]:
        """The labels of these values."""
        return dict(zip(self._labels, values, strict=True))


class Count(Metric):
    """How often something happened since the process began."""

    def __init__(self, name: str, unit: str, description: str, *labels: str) -> None:
        super().__init__(name, unit, description, *labels)
        self._counts: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def add(self, *values: str, amount: float = 1) -> None:
        """Counts, for these values of the labels."""
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + amount

    def observed(self) -> Iterator[Observed]:
        """The counts so far."""
        for values, amount in self._counts.copy().items():
            yield self.labelled(values), amount


class Gauge(Metric):
    """What something was when it was last looked at; nothing before that, nor when that was too long ago."""

    def __init__(self, name: str, unit: str, description: str, lasts_seconds: float = math.inf) -> None:
        super().__init__(name, unit, description)
        self._lasts_seconds = lasts_seconds
        self._looked_at: tuple[float, float] | None = None

    def set(self, value: float) -> None:
        """Notes the value."""
        self._looked_at = value, time.monotonic()

    def observed(self) -> Iterator[Observed]:
        """The value, where there is one that still says something."""
        if self._looked_at is None:
            return
        value, at = self._looked_at
        if time.monotonic() - at < self._lasts_seconds:
            yield {}, value


class ConnectionsInUse(Metric):
    """SQL connections that are in use, by pool; looked at when it is asked."""

    def __init__(self, name: str, unit: str, description: str, *labels: str) -> None:
        super().__init__(name, unit, description, *labels)
        self._engines: weakref.WeakKeyDictionary[sa.Engine, str] = weakref.WeakKeyDictionary()

    def watch(self, engine: sa.Engine, pool: str) -> None:
        """Counts this engine's connections from now on, as long as it is there."""
        self._engines[engine] = pool

    def observed(self) -> Iterator[Observed]:
        """The connections of each pool."""
        in_use: dict[str, int] = {}
        for engine, pool in list(self._engines.items()):
            checked_out = getattr(engine.pool, "checkedout", int)()
            in_use[pool] = in_use.get(pool, 0) + checked_out
        for pool, count in in_use.items():
            yield self.labelled((pool,)), count


class Observable(Protocol):
    """What tells its values when it is asked."""

    def observed(self) -> Iterator[Observed]:
        """The values as they are now."""


class Recorder(Protocol):
    """What takes single values: OpenTelemetry's histogram."""

    def record(self, amount: float, attributes: Mapping[str, str]) -> None:
        """Notes a value."""


class Distribution(Metric):
    """Single values of what happens seldom: their count, sum, least and most."""

    def __init__(self, name: str, unit: str, description: str, *labels: str) -> None:
        super().__init__(name, unit, description, *labels)
        self.recorder: Recorder | None = None

    def record(self, value: float, *values: str) -> None:
        """Notes a value, for these values of the labels; where nobody asks, it is let go."""
        if self.recorder:
            self.recorder.record(value, self.labelled(values))


class _Requests:
    """How many requests there were, and how long they took: one entry, looked up once for each request."""

    def __init__(self) -> None:
        # operation, status, X-Cache in small letters ("" without one): count, seconds.
        self._entries: dict[tuple[str, int, str], list[float]] = {}

    def add(self, operation: str, status: int, cache: str, seconds: float) -> None:
        """Counts a request; from one thread only."""
        key = (operation, status, cache)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = [0, 0.0]
        entry[0] += 1
        entry[1] += seconds

    def sums(self, *, of: tuple[int, ...], amount: int) -> Iterator[tuple[tuple[str, ...], float]]:
        """The counts (`amount` 0) or seconds (1), summed over all parts of the key but those at `of`."""
        sums: dict[tuple[str, ...], float] = {}
        for key, entry in self._entries.copy().items():
            part = tuple(str(key[index]) for index in of)
            sums[part] = sums.get(part, 0) + entry[amount]
        yield from sums.items()


_requests = _Requests()
count_request = _requests.add


class _OfRequests(Metric):
    def __init__(self, name: str, unit: str, description: str, *labels: str, of: tuple[int, ...], amount: int) -> None:
        super().__init__(name, unit, description, *labels)
        self._of = of
        self._amount = amount

    def observed(self) -> Iterator[Observed]:
        """The sums so far; of the look-ups, those that a cached view has made."""
        for values, total in _requests.sums(of=self._of, amount=self._amount):
            if all(values):
                yield self.labelled(values), total


_OPERATION, _STATUS, _CACHE = range(3)
_NUMBER, _SECONDS = range(2)

REQUESTS = _OfRequests(
    "catalog.requests",
    "{request}",
    "Requests that were answered.",
    OPERATION,
    STATUS_CODE,
    of=(_OPERATION, _STATUS),
    amount=_NUMBER,
)
REQUEST_SECONDS = _OfRequests(
    "catalog.request.seconds",
    "s",
    "Seconds that the app took for cached views, in all.",
    OPERATION,
    CACHE,
    of=(_OPERATION, _CACHE),
    amount=_SECONDS,
)
CACHE_LOOKUPS = _OfRequests(
    "catalog.cache.lookups",
    "{request}",
    "Cached views that were asked for: hit, miss, bypass.",
    CACHE,
    of=(_CACHE,),
    amount=_NUMBER,
)
STALE_TOKENS = Count("catalog.cache.stale_tokens", "{page}", "Pages found under a generation that is no more.")
JOINED_FLIGHTS = Count("catalog.cache.joined_flights", "{request}", "Misses that joined another's query.")
BREAKER_STATE = Gauge("catalog.cache.breaker_state", "1", "0: Redis is trusted; 1: it answers again; 2: left alone.")
# One instance runs the timer that looks; where another has taken it over, what this one saw last is no news any more.
_OUTBOX_SEEN_SECONDS = 90.0
OUTBOX_LENGTH = Gauge("catalog.outbox.length", "{tag}", "Stale tags that wait for Redis.", _OUTBOX_SEEN_SECONDS)
OUTBOX_AGE = Gauge(
    "catalog.outbox.oldest_seconds", "s", "Age of the oldest tag that waits for Redis.", _OUTBOX_SEEN_SECONDS
)
IMPORTS = Count("catalog.imports", "{import}", "Imports by the state they came to.", IMPORT_KIND, IMPORT_STATUS)
IMPORT_ROWS = Count("catalog.import.rows", "{row}", "Rows of merged imports.", IMPORT_KIND, ROW_OUTCOME)
IMPORT_SPEED = Distribution(
    "catalog.import.rows_per_second", "{row}/s", "Rows read by an import's Copy in a second.", IMPORT_KIND
)
IMPORT_SECONDS = Distribution(
    "catalog.import.blob_to_succeeded_seconds", "s", "From a blob's receipt to its import's success.", IMPORT_KIND
)
SQL_POOL = ConnectionsInUse("catalog.sql.pool_in_use", "{connection}", "SQL connections in use.", "catalog.sql.pool")
SQL_RETRIES = Count("catalog.sql.retries", "{try}", "Transactions that began anew.", "catalog.sql.failure")
THROTTLED = Count("catalog.throttled_log_ins", "{try}", "Log-ins refused unseen.", "catalog.throttled_by")

OBSERVED_COUNTS = (
    REQUESTS,
    REQUEST_SECONDS,
    CACHE_LOOKUPS,
    STALE_TOKENS,
    JOINED_FLIGHTS,
    IMPORTS,
    IMPORT_ROWS,
    SQL_RETRIES,
    THROTTLED,
)
OBSERVED_VALUES = (BREAKER_STATE, OUTBOX_LENGTH, OUTBOX_AGE, SQL_POOL)
DISTRIBUTIONS = (IMPORT_SPEED, IMPORT_SECONDS)
