"""The application's metrics: plain numbers, which cost one look-up in a dictionary and need no library.

`azure_monitor.py` lets OpenTelemetry read them once a minute. OpenTelemetry's own counter costs 9 µs per count, a fifth
of a cache hit. Each metric has few labels, whose values are bounded.
"""

from __future__ import annotations

import collections
import math
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.telemetry.work import CACHE, IMPORT_KIND, IMPORT_STATUS, OPERATION

if TYPE_CHECKING:
    import opentelemetry.metrics
    import sqlalchemy as sa

STATUS_CODE = "http.response.status_code"
ROW_OUTCOME = "catalog.row_outcome"

# Labels and their value.
type Observed = tuple[Mapping[str, str], float]


@dataclass(eq=False)
class Metric:
    """Name, unit (UCUM), description and label names of a metric."""

    name: str
    unit: str
    description: str
    label_names: tuple[str, ...] = ()

    def labelled(self, values: tuple[str, ...]) -> Mapping[str, str]:
        """The labels with these values."""
        return dict(zip(self.label_names, values, strict=True))


@dataclass(eq=False)
class Counter(Metric):
    """A number that only grows, since the start of the process."""

    _totals: dict[tuple[str, ...], float] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def add(self, *values: str, amount: float = 1) -> None:
        """Adds an amount for these label values."""
        with self._lock:
            self._totals[values] = self._totals.get(values, 0) + amount

    def observed(self) -> Iterator[Observed]:
        """The totals by labels."""
        for values, amount in self._totals.copy().items():
            yield self.labelled(values), amount


@dataclass(eq=False)
class Gauge(Metric):
    """The last value; none before the first one, and none after `max_age_seconds`."""

    max_age_seconds: float = math.inf
    _last: tuple[float, float] | None = field(default=None, init=False)

    def set(self, value: float) -> None:
        """Sets the value."""
        self._last = value, time.monotonic()

    def observed(self) -> Iterator[Observed]:
        """The value, unless it is too old."""
        if self._last is None:
            return
        value, at = self._last
        if time.monotonic() - at < self.max_age_seconds:
            yield {}, value


@dataclass(eq=False)
class ConnectionsInUse(Metric):
    """SQL connections that are checked out now, by pool."""

    _engines: weakref.WeakKeyDictionary[sa.Engine, str] = field(default_factory=weakref.WeakKeyDictionary, init=False)

    def watch(self, engine: sa.Engine, pool: str) -> None:
        """Adds an engine, until it is garbage-collected."""
        self._engines[engine] = pool

    def observed(self) -> Iterator[Observed]:
        """The connections in use by pool."""
        in_use: collections.Counter[str] = collections.Counter()
        for engine, pool in list(self._engines.items()):
            in_use[pool] += getattr(engine.pool, "checkedout", int)()
        for pool, count in in_use.items():
            yield self.labelled((pool,)), count


@dataclass(eq=False)
class Histogram(Metric):
    """Count, sum, minimum and maximum of rare events' values."""

    recorder: opentelemetry.metrics.Histogram | None = field(default=None, init=False)

    def record(self, value: float, *values: str) -> None:
        """Records a value for these label values; without telemetry it does nothing."""
        if self.recorder:
            self.recorder.record(value, self.labelled(values))


# Number and seconds of requests by operation, status and X-Cache in lower case ("" without one). A request costs one
# look-up.
_REQUEST_LABELS = (OPERATION, STATUS_CODE, CACHE)
_NUMBER, _SECONDS = range(2)
_requests: dict[tuple[str, int, str], list[float]] = {}


def count_request(operation: str, status: int, cache: str, seconds: float) -> None:
    """Counts a request. Not thread-safe."""
    entry = _requests.setdefault((operation, status, cache), [0, 0.0])
    entry[_NUMBER] += 1
    entry[_SECONDS] += seconds


@dataclass(eq=False, kw_only=True)
class _RequestMetric(Metric):
    """The number or the seconds of requests by some of their labels."""

    amount: int

    def observed(self) -> Iterator[Observed]:
        """The totals; without requests that have no X-Cache, where that is a label."""
        indexes = [_REQUEST_LABELS.index(label) for label in self.label_names]
        totals: dict[tuple[str, ...], float] = {}
        for key, entry in _requests.copy().items():
            values = tuple(str(key[index]) for index in indexes)
            totals[values] = totals.get(values, 0) + entry[self.amount]
        for values, total in totals.items():
            if all(values):
                yield self.labelled(values), total


REQUESTS = _RequestMetric(
    "catalog.requests", "{request}", "Requests that were answered.", (OPERATION, STATUS_CODE), amount=_NUMBER
)
REQUEST_SECONDS = _RequestMetric(
    "catalog.request.seconds", "s", "Total seconds of requests to cached views.", (OPERATION, CACHE), amount=_SECONDS
)
CACHE_LOOKUPS = _RequestMetric(
    "catalog.cache.lookups", "{request}", "Requests to cached views by hit, miss or bypass.", (CACHE,), amount=_NUMBER
)
STALE_TOKENS = Counter("catalog.cache.stale_tokens", "{page}", "Cached pages of an old generation.")
JOINED_FLIGHTS = Counter(
    "catalog.cache.joined_flights", "{request}", "Misses that shared the query of another request."
)
BREAKER_STATE = Gauge("catalog.cache.breaker_state", "1", "Circuit breaker of Redis. 0: closed; 1: half open; 2: open.")
# One instance runs the timer that sets these. If another instance takes over, the last value here is out of date.
_OUTBOX_SECONDS = 90.0
OUTBOX_LENGTH = Gauge(
    "catalog.outbox.length", "{tag}", "Tags whose invalidation waits for Redis.", max_age_seconds=_OUTBOX_SECONDS
)
OUTBOX_AGE = Gauge(
    "catalog.outbox.oldest_seconds",
    "s",
    "Age of the oldest invalidation that waits for Redis.",
    max_age_seconds=_OUTBOX_SECONDS,
)
IMPORTS = Counter("catalog.imports", "{import}", "Imports by status.", (IMPORT_KIND, IMPORT_STATUS))
IMPORT_ROWS = Counter("catalog.import.rows", "{row}", "Rows of merged imports.", (IMPORT_KIND, ROW_OUTCOME))
IMPORT_SPEED = Histogram(
    "catalog.import.rows_per_second", "{row}/s", "Rows per second that an import's Copy activity read.", (IMPORT_KIND,)
)
IMPORT_SECONDS = Histogram(
    "catalog.import.blob_to_succeeded_seconds",
    "s",
    "Seconds from the receipt of a blob to the success of its import.",
    (IMPORT_KIND,),
)
SQL_POOL = ConnectionsInUse("catalog.sql.pool_in_use", "{connection}", "SQL connections in use.", ("catalog.sql.pool",))
SQL_RETRIES = Counter("catalog.sql.retries", "{try}", "Transactions that were retried.", ("catalog.sql.failure",))
THROTTLED = Counter("catalog.throttled_log_ins", "{try}", "Attempts that were throttled.", ("catalog.throttled_by",))

COUNTERS = (
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
GAUGES = (BREAKER_STATE, OUTBOX_LENGTH, OUTBOX_AGE, SQL_POOL)
HISTOGRAMS = (IMPORT_SPEED, IMPORT_SECONDS)
