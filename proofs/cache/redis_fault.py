"""Faults of Redis: no request fails, nothing is stale after the drain's interval, and hits return soon after Redis."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from proofs.cache import faults, processes
from proofs.cache.load import Load
from proofs.cache.outcome import Outcome, p99
from proofs.cache.processes import running
from proofs.cache.write_history import History
from testkit.http_client import HttpClient

_INSTANCES = 2
_PAUSE_SECONDS = 0.02  # between requests of a writer or reader, so that the machine isn't saturated
_WARM_SECONDS = 2.0
_WORK_SECONDS = 1.0  # duration of a drain
_MAX_SECONDS_TO_HIT = 5.0
_MISSES = 200
_P99_SECONDS, _P99_OF_MISS = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the fault lasts, how often the outbox is drained, and whether the response time is judged."""

    fault_seconds: float
    drain_seconds: float
    judges_p99: bool

    @property
    def grace(self) -> float:
        """Seconds after which the outbox has been drained."""
        return self.drain_seconds + _WORK_SECONDS


LONG = Timing(6.0, processes.DRAIN_SECONDS, judges_p99=True)
SHORT = Timing(2.0, 2.0, judges_p99=False)


def redis_fault(folder: Path, name: str, timing: Timing) -> Outcome:
    """Writes and reads before, during and after a fault of Redis."""
    outcome = Outcome(f"redis_{name}")
    fault = faults.FAULTS[name]()
    grace = timing.grace + fault.applied_again_after
    with contextlib.ExitStack() as stack:
        url = fault.start(folder, stack)
        changes = {"PROOF_DRAIN_SECONDS": str(timing.drain_seconds)}
        environment = processes.environment(folder, url, **changes)
        instances = processes.instances(_INSTANCES, folder, environment)
        is_active = True
        load = Load(
            [instance.port for instance in instances], History(grace), outcome, lambda: is_active, _PAUSE_SECONDS
        )

        async def scenario() -> None:
            nonlocal is_active
            async with fault.proxied():
                await asyncio.to_thread(stack.enter_context, running(instances))
                await load.insert_categories()
                miss = await _seconds_of_misses(load.ports[0])

                async def inject_fault() -> None:
                    nonlocal is_active
                    await asyncio.sleep(_WARM_SECONDS)
                    since = time.monotonic()
                    async with fault.active():
                        await asyncio.sleep(timing.fault_seconds)
                    returned = time.monotonic()
                    await asyncio.sleep(grace)
                    is_active = False
                    _judge(outcome, timing, since, returned, miss)

                await load.run(inject_fault())
                # There are no more writes: what is stale now would stay stale.
                await asyncio.sleep(grace)
                load.history.grace = 0.0
                await load.check_all()

        asyncio.run(scenario())
    return outcome


async def _seconds_of_misses(port: int) -> list[float]:
    """Response times of pages that aren't cached."""
    client = HttpClient(port)
    seconds = []
    for number in range(1, _MISSES + 1):
        reply = await client.send("GET", f"/api/products?limit={number % 100 + 1}&min_price={number}")
        seconds.append(reply.seconds)
    client.close()
    return sorted(seconds)


def _judge(outcome: Outcome, timing: Timing, since: float, returned: float, misses: list[float]) -> None:
    hits = [
        min(
            (r.began for r in outcome.reads if r.began > returned and r.outcome == "HIT" and r.instance == i),
            default=None,
        )
        for i in range(_INSTANCES)
    ]
    known = [hit - returned for hit in hits if hit is not None]
    outcome.first_hit_seconds = max(known) if len(known) == _INSTANCES else None
    again = outcome.first_hit_seconds is not None and outcome.first_hit_seconds <= _MAX_SECONDS_TO_HIT
    outcome.check(again, f"hits again after {[round(hit, 2) for hit in known]} s, expected within 5")
    limit = max(_P99_SECONDS, _P99_OF_MISS * p99(misses))
    slowest = outcome.p99(since)
    outcome.facts["p99_meanwhile"] = f"{slowest * 1000:.1f} ms"
    outcome.facts["p99_of_a_miss"] = f"{p99(misses) * 1000:.1f} ms"
    bypassed = sum(read.outcome == "BYPASS" for read in outcome.reads)
    outcome.facts["bypassed"] = str(bypassed)
    slow = timing.judges_p99 and slowest > limit
    outcome.check(not slow, f"p99 {slowest * 1000:.0f} ms, expected {limit * 1000:.0f} at most")
