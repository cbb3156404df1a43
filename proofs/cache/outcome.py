"""The result of a scenario: its figures, and the promises of the cache that were broken."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

_MAX_SHOWN = 5  # broken promises of one kind that are printed; the rest are counted


@dataclass(slots=True)
class Read:
    """An answered read: its start (`time.monotonic`), response time, X-Cache, and the instance that answered."""

    began: float
    seconds: float
    outcome: str
    instance: int


@dataclass(slots=True)
class Outcome:
    """The result of one scenario. Each sentence in `stale`, `failed` or `broken` is a broken promise."""

    name: str
    operations: int = 0
    stale: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    # Figures that only this scenario has.
    facts: dict[str, str] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    first_hit_seconds: float | None = None
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return not (self.stale or self.failed or self.broken)

    @property
    def hits(self) -> int:
        """How many reads came from the cache."""
        return sum(read.outcome == "HIT" for read in self.reads)

    def check(self, condition: object, message: str) -> None:
        """Adds the message to the broken promises if the condition is false."""
        if not condition:
            self.broken.append(message)

    def p99(self, since: float = 0.0) -> float:
        """The 99th percentile of response times, in seconds, of reads that began since then."""
        return p99([read.seconds for read in self.reads if read.began >= since])

    def line(self) -> str:
        """All figures on one line, and each broken promise on a line below."""
        figures = {
            "operations": str(self.operations),
            "stale": str(len(self.stale)),
            "failed": str(len(self.failed)),
            "p99": f"{self.p99() * 1000:.1f} ms",
            "first_hit": "-" if self.first_hit_seconds is None else f"{self.first_hit_seconds:.2f} s",
            **self.facts,
            "took": f"{self.seconds:.0f} s",
        }
        line = "  ".join(f"{name} {figure}" for name, figure in figures.items())
        kinds = (("stale", self.stale), ("failed", self.failed), ("broken", self.broken))
        lines = [f"PROVE {self.name}  {line}  {'kept' if self.is_kept else 'BROKEN'}"]
        for kind, sentences in kinds:
            lines += [f"    {kind}: {sentence}" for sentence in sentences[:_MAX_SHOWN]]
            if len(sentences) > _MAX_SHOWN:
                lines.append(f"    {kind}: {len(sentences) - _MAX_SHOWN} more")
        return "\n".join(lines)


def p99(seconds: list[float]) -> float:
    """The 99th percentile; 0 for fewer than two values."""
    return statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else 0.0
