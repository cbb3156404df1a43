"""What a scenario saw, and whether that keeps the cache's promises."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

_SHOWN = 5  # broken promises of one kind that are told; the rest are counted


@dataclass(slots=True)
class Read:
    """A read that was replied to: when it began (`time.monotonic`), its seconds, X-Cache, and by which instance."""

    began: float
    seconds: float
    outcome: str
    instance: int


@dataclass(slots=True)
class Outcome:
    """The record of one scenario; a sentence in `stale`, `failed` or `broken` is a broken promise."""

    name: str
    operations: int = 0
    stale: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    # Figures of the scenario's own, told beside the others.
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

    def promise(self, *, kept: bool, sentence: str) -> None:
        """Notes a promise that isn't kept."""
        if not kept:
            self.broken.append(sentence)

    def p99(self, since: float = 0.0) -> float:
        """Seconds within which 99 % of the reads that began since then were replied to; 0 where there were too few."""
        return p99([read.seconds for read in self.reads if read.began >= since])

    def line(self) -> str:
        """All of it on one line, and the broken promises on lines of their own."""
        figures = {
            "operations": str(self.operations),
            "stale": str(len(self.stale)),
            "failed": str(len(self.failed)),
            "p99": f"{self.p99() * 1000:.1f} ms",
            "first_hit": "-" if self.first_hit_seconds is None else f"{self.first_hit_seconds:.2f} s",
            **self.facts,
            "took": f"{self.seconds:.0f} s",
        }
        told = "  ".join(f"{name} {figure}" for name, figure in figures.items())
        kinds = (("stale", self.stale), ("failed", self.failed), ("broken", self.broken))
        lines = [f"PROVE {self.name}  {told}  {'kept' if self.is_kept else 'BROKEN'}"]
        for kind, sentences in kinds:
            lines += [f"    {kind}: {sentence}" for sentence in sentences[:_SHOWN]]
            if len(sentences) > _SHOWN:
                lines.append(f"    {kind}: {len(sentences) - _SHOWN} more")
        return "\n".join(lines)


def p99(seconds: list[float]) -> float:
    """The 99th percentile; 0 of fewer than two."""
    return statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else 0.0
