"""The parts that a scenario starts, stops and maltreats: Valkeys and instances, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import redis

from local import services
from local.processes import PROJECT, end_with_parent
from tests.databases import fresh_database

DRAIN_SECONDS = 10.0  # what DRAIN_SCHEDULE says
# What the drain applies once more makes its pages misses: not while a scenario counts hits or queries.
NO_DRAIN = {"PROOF_DRAIN_SECONDS": "86400"}
_START_SECONDS = 60.0


class Part:
    """A process that is started, killed and started again on the same port."""

    def __init__(self, service: services.Service, folder: Path, options: Sequence[str] = ()) -> None:
        self.port = service.port
        self._service = service
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, without waiting."""
        with (self._folder / f"{self._service.name}-{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # a service of the project's own
                [*self._service.command, *self._options],
                cwd=PROJECT,
                env=self._service.full_environment,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
            )

    @property
    def pid(self) -> int:
        """Of the process, which has been started."""
        assert self._process
        return self._process.pid

    def answers(self) -> bool:
        """Whether it answers; raises RuntimeError where it has ended."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self._service.name} has ended; its log is in {self._folder}")
        return self._service.answers()

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._service.name} doesn't answer; its log is in {self._folder}")
            time.sleep(0.02)  # between two looks, until the deadline

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to it, if it runs."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by this signal, and waits for the end."""
        self.send(number)
        self.send(signal.SIGCONT)  # a frozen one takes no SIGTERM
        if self._process:
            self._process.wait()


class Valkey(Part):
    """A Valkey of the scenario's own; its snapshots stay in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        port = services.free_ports(1)[0]
        own = folder / f"valkey-{port}"
        own.mkdir()
        options = ("--dir", str(own), "--repl-diskless-sync-delay", "0", "--enable-debug-command", "no")
        super().__init__(services.valkey(port), folder, options)
        self.client = redis.Redis(services.HOST, port, socket_timeout=10)

    @property
    def url(self) -> str:
        """REDIS_URL."""
        return f"redis://{services.HOST}:{self.port}/0"


@contextlib.contextmanager
def started[P: Part](parts: Sequence[P]) -> Iterator[Sequence[P]]:
    """Starts parts, and ends them in the end."""
    try:
        for part in parts:
            part.start()
        for part in parts:
            part.wait()
        yield parts
    finally:
        for part in parts:
            part.end(signal.SIGKILL)


def settings(folder: Path, redis_url: str, **changes: str) -> dict[str, str]:
    """The environment of instances over a fresh catalog in the folder."""
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "DATABASE_URL": fresh_database(folder),
        "REDIS_URL": redis_url,
        "FIREBASE_AUTH_EMULATOR_HOST": f"{services.HOST}:1",  # nobody signs in
        "PROOF_DRAIN_SECONDS": str(DRAIN_SECONDS),
        **changes,
    }


def instances(count: int, folder: Path, environment: Mapping[str, str]) -> list[Part]:
    """So many of them."""
    return [_instance_on(port, folder, environment) for port in services.free_ports(count)]


def _instance_on(port: int, folder: Path, environment: Mapping[str, str]) -> Part:
    # A client that asks one instance for a while finds its connections to the others as it left them.
    kept = ("--timeout-keep-alive", "600")
    options = (*kept, "--http", "httptools", "--no-access-log", "--log-level", "warning", "--backlog", "4096")
    app = "proofs.cache.instance:create"
    service = services.Service(
        name="instance",
        command=(sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port), *options),
        port=port,
        answers=lambda: services.http_status(port, "/api/health/live") is not None,
        environment={**os.environ, **environment},
    )
    return Part(service, folder)
