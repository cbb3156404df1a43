"""CPU per request of several servers under the same load, in interleaved rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cache.load import Replies, send
from benchmarks.cache.servers import Server


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of CPU per request, for each server and round."""

    rounds: Mapping[str, Sequence[float]]

    def microseconds(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.rounds[name]) * 1e6

    def ratio(self, over: str, under: str) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.rounds[over], self.rounds[under], strict=True))

    def difference(self, over: str, under: str, unit: str) -> float:
        """The median of the rounds' differences, in units of a third server's CPU."""
        rounds = zip(self.rounds[over], self.rounds[under], self.rounds[unit], strict=True)
        return statistics.median((a - b) / c for a, b, c in rounds)


def measure(
    servers: Sequence[Server],
    requests_of_round: Callable[[int], Sequence[bytes]],
    connections: int,
    rounds: int,
    check: Callable[[Server, Replies], None],
) -> Cpu:
    """Sends each round's requests to each server in turn, in rotating order. `check` raises for unexpected replies."""
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    for number in range(rounds):
        requests = requests_of_round(number)
        start = number % len(servers)
        for server in (*servers[start:], *servers[:start]):
            before = server.cpu_seconds()
            replies = send([server.port], requests, connections)
            found[server.name].append((server.cpu_seconds() - before) / len(requests))
            check(server, replies)
    return Cpu(found)
