"""Figures of a run's raw file: throughput, response times, hit rate and errors, in total and for each second."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of some requests: times in milliseconds; `hit_share` of the requests that use the cache, or None."""

    requests: int
    errors: int
    per_second: float
    p50: float
    p95: float
    p99: float
    hit_share: float | None


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the run."""

    at: int
    requests: int
    p50: float
    p95: float
    p99: float
    hit_share: float | None


class Requests:
    """The requests of a run, as columns."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        """The columns of `rows` are recording.FIELDS."""
        self.began = np.array([float(row["began"]) for row in rows])
        self.operation = np.array([row["operation"] for row in rows])
        self.milliseconds = np.array([float(row["milliseconds"]) for row in rows])
        self.cache = np.array([row["cache"] for row in rows])
        self.failed = np.array([row["error"] != "" for row in rows])
        self.errors = Counter(row["error"] for row in rows if row["error"])

    @classmethod
    def read(cls, raw: Path) -> Self:
        """Reads a raw file. Raises ValueError if it has no requests."""
        with raw.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError(f"Expected requests in {raw}, found none")
        return cls(rows)

    @property
    def seconds(self) -> float:
        """From the start of the first request to the end of the last; at least a millisecond."""
        return max(0.001, float((self.began + self.milliseconds / 1000).max() - self.began.min()))

    def total(self) -> Summary:
        """Figures of all requests."""
        return self._summary(np.ones(len(self.began), dtype=bool))

    def operations(self) -> dict[str, Summary]:
        """Figures of each operation, by name."""
        return {str(name): self._summary(self.operation == name) for name in np.unique(self.operation)}

    def by_cache(self) -> dict[str, Summary]:
        """Figures of each value of X-Cache that occurred."""
        return {name: self._summary(self.cache == name) for name in ("HIT", "MISS", "BYPASS") if name in self.cache}

    def over_time(self) -> Iterator[Second]:
        """Figures of each second in which a request began."""
        at = (self.began - self.began.min()).astype(int)
        for second in np.unique(at):
            chosen = at == second
            p50, p95, p99 = np.percentile(self.milliseconds[chosen], PERCENTILES)
            yield Second(int(second), int(chosen.sum()), p50, p95, p99, self._hit_share(chosen))

    def _summary(self, chosen: npt.NDArray[np.bool_]) -> Summary:
        p50, p95, p99 = np.percentile(self.milliseconds[chosen], PERCENTILES)
        count = int(chosen.sum())
        return Summary(
            requests=count,
            errors=int(self.failed[chosen].sum()),
            per_second=count / self.seconds,
            p50=float(p50),
            p95=float(p95),
            p99=float(p99),
            hit_share=self._hit_share(chosen),
        )

    def _hit_share(self, chosen: npt.NDArray[np.bool_]) -> float | None:
        cache = self.cache[chosen]
        uses_cache = int(np.isin(cache, ("HIT", "MISS", "BYPASS")).sum())
        return float((cache == "HIT").sum()) / uses_cache if uses_cache else None
