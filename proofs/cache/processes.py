"""The processes that a scenario starts, stops and breaks: Valkeys and instances of the application."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import redis

from local import services
from testkit.databases import fresh_database
from testkit.instance import uvicorn
from testkit.processes import ServiceProcess
from testkit.serving import instance_environment

DRAIN_SECONDS = 10.0  # the default of DRAIN_SCHEDULE
# When the drain applies an invalidation again, its pages are misses. Scenarios that count hits or queries avoid that.
NO_DRAIN = {"PROOF_DRAIN_SECONDS": "86400"}


class Valkey(ServiceProcess):
    """A Valkey that only this scenario uses. It keeps snapshots in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        port = services.free_ports(1)[0]
        data = folder / f"valkey-{port}"
        data.mkdir()
        options = ("--dir", str(data), "--repl-diskless-sync-delay", "0", "--enable-debug-command", "no")
        super().__init__(services.valkey(port), folder, *options)
        self.client = redis.Redis(services.HOST, port, socket_timeout=10)

    @property
    def url(self) -> str:
        """REDIS_URL."""
        return f"redis://{services.HOST}:{self.port}/0"


@contextlib.contextmanager
def running[P: ServiceProcess](processes: Sequence[P]) -> Iterator[Sequence[P]]:
    """Starts services side by side, waits until all answer, and kills them at the end."""
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.wait_until_ready()
        yield processes
    finally:
        for process in processes:
            process.end(signal.SIGKILL)


def environment(folder: Path, redis_url: str, **changes: str) -> dict[str, str]:
    """The environment of instances over an empty catalog in the folder."""
    drain = {"PROOF_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    return instance_environment(fresh_database(folder), redis_url, **drain | changes)


def instances(count: int, folder: Path, environment: Mapping[str, str]) -> list[ServiceProcess]:
    """That many instances of the application, not started."""
    return [ServiceProcess(uvicorn("proofs.cache.instance:create", environment), folder) for _ in range(count)]
