"""Redis in trouble: no failed request, nothing stale after the drain's interval, hits again soon after its return."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from proofs.cache import parts, redis_troubles
from proofs.cache.client import Client
from proofs.cache.ledger import Ledger
from proofs.cache.load import Load
from proofs.cache.outcome import Outcome, p99

_INSTANCES = 2
_PAUSE_SECONDS = 0.02  # of each writer and reader: what is measured is not what a full machine can do
_WARM_SECONDS = 2.0
_WORK_SECONDS = 1.0  # that a drain, begun in time, may take itself
_HIT_AGAIN_SECONDS = 5.0
_MISSES = 200
_P99_SECONDS, _P99_OF_MISS = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class Course:
    """How long the trouble lasts, how often the outbox is drained, and whether reads must be quick meanwhile."""

    trouble_seconds: float
    drain_seconds: float
    judges_p99: bool

    @property
    def grace(self) -> float:
        """Seconds after which the outbox has been drained."""
        return self.drain_seconds + _WORK_SECONDS


LONG = Course(6.0, parts.DRAIN_SECONDS, judges_p99=True)
SHORT = Course(2.0, 2.0, judges_p99=False)


def redis_trouble(folder: Path, name: str, course: Course) -> Outcome:
    """Writes and reads before, while and after Redis is in trouble."""
    outcome = Outcome(f"redis_{name}")
    trouble = redis_troubles.TROUBLES[name]()
    grace = course.grace + trouble.applied_again_after
    with contextlib.ExitStack() as stack:
        url = trouble.start(folder, stack)
        changes = {"PROOF_DRAIN_SECONDS": str(course.drain_seconds)}
        environment = parts.settings(folder, url, **changes)
        running = parts.instances(_INSTANCES, folder, environment)
        goes_on = True
        load = Load([part.port for part in running], Ledger(grace), outcome, lambda: goes_on, _PAUSE_SECONDS)

        async def go_through() -> None:
            nonlocal goes_on
            async with trouble.around():
                await asyncio.to_thread(stack.enter_context, parts.started(running))
                await load.insert_categories()
                miss = await _seconds_of_misses(load.ports[0])

                async def course_of_trouble() -> None:
                    nonlocal goes_on
                    await asyncio.sleep(_WARM_SECONDS)
                    since = time.monotonic()
                    async with trouble.going_on():
                        await asyncio.sleep(course.trouble_seconds)
                    returned = time.monotonic()
                    await asyncio.sleep(grace)
                    goes_on = False
                    _judge(outcome, course, since, returned, miss)

                await load.run(course_of_trouble())
                # Nobody writes any more: whatever is shown now would be shown for good.
                await asyncio.sleep(grace)
                load.ledger.grace = 0.0
                await load.check_all()

        asyncio.run(go_through())
    return outcome


async def _seconds_of_misses(port: int) -> list[float]:
    """How long pages take that nobody asked for before."""
    client = Client(port)
    seconds = []
    for number in range(1, _MISSES + 1):
        reply = await client.ask("GET", f"/api/products?limit={number % 100 + 1}&min_price={number}")
        seconds.append(reply.ended - reply.began)
    client.close()
    return sorted(seconds)


def _judge(outcome: Outcome, course: Course, since: float, returned: float, misses: list[float]) -> None:
    hits = [
        min(
            (r.began for r in outcome.reads if r.began > returned and r.outcome == "HIT" and r.instance == i),
            default=None,
        )
        for i in range(_INSTANCES)
    ]
    known = [hit - returned for hit in hits if hit is not None]
    outcome.first_hit_seconds = max(known) if len(known) == _INSTANCES else None
    again = outcome.first_hit_seconds is not None and outcome.first_hit_seconds <= _HIT_AGAIN_SECONDS
    outcome.promise(kept=again, sentence=f"hits again after {[round(hit, 2) for hit in known]} s, expected within 5")
    limit = max(_P99_SECONDS, _P99_OF_MISS * p99(misses))
    slowest = outcome.p99(since)
    outcome.facts["p99_meanwhile"] = f"{slowest * 1000:.1f} ms"
    outcome.facts["p99_of_a_miss"] = f"{p99(misses) * 1000:.1f} ms"
    bypassed = sum(read.outcome == "BYPASS" for read in outcome.reads)
    outcome.facts["bypassed"] = str(bypassed)
    slow = course.judges_p99 and slowest > limit
    outcome.promise(kept=not slow, sentence=f"p99 {slowest * 1000:.0f} ms, expected {limit * 1000:.0f} at most")
