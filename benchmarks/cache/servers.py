"""Servers as processes of their own, whose CPU time is what is measured."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cache.catalog import KEPT
from local import services
from local.processes import PROJECT, end_with_parent

PEERS_PYTHON = KEPT / "peers" / "bin" / "python"
_READY_SECONDS = 60.0
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers HTTP on a port of 127.0.0.1."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """The CPU time, user and system, that all its threads have used so far (POSIX, clock_getcpuclockid)."""
        clock = ctypes.c_int()
        error = _LIBC.clock_getcpuclockid(self.pid, ctypes.byref(clock))
        if error:
            raise OSError(error, f"The server {self.name} has ended")
        return time.clock_gettime(clock.value)


@contextlib.contextmanager
def valkey(*options: str) -> Iterator[int]:
    """A Valkey of the benchmark's own; gives its port."""
    service = services.valkey(services.free_ports(1)[0])
    with running(service.name, (*service.command, *options), {}) as process:
        wait_until(process, service.name, service.answers)
        yield service.port


@contextlib.contextmanager
def uvicorn(
    name: str, app: str, environment: Mapping[str, str], python: Path | str = sys.executable
) -> Iterator[Server]:
    """An ASGI application under uvicorn with httptools and asyncio's own loop; `app` is `module:factory`."""
    (port,) = services.free_ports(1)
    # The lifespan is the applications' own matter; no access log, since none of them needs it.
    # A client waits while another server is asked.
    waiting = ("--timeout-keep-alive", "300")
    options = ("--http", "httptools", "--loop", "asyncio", "--no-access-log", "--log-level", "warning", *waiting)
    command = (str(python), "-m", "uvicorn", "--factory", app, "--port", str(port), *options)
    with _serving(name, command, environment, port) as server:
        yield server


@contextlib.contextmanager
def function_host(name: str, environment: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """function_app.py under Microsoft's worker runtime, in the local host; only its HTTP functions are enabled."""
    (port,) = services.free_ports(1)
    others = ("start_import", "record_poison", "reconcile_imports", "drain_invalidations")
    disabled = {f"AzureWebJobs.{function}.Disabled": "true" for function in others}
    service = services.function_host(name, port, folder, {})
    with _serving(name, service.command, {**environment, **disabled}, port) as server:
        yield server


@contextlib.contextmanager
def _serving(name: str, command: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[Server]:
    with running(name, command, environment) as process:
        wait_until(process, name, lambda: services.http_status(port, "/") is not None)
        yield Server(name, process.pid, port)


@contextlib.contextmanager
def running(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the benchmark's, ended with it; what it says goes to a log of its name."""
    log_folder = KEPT / "logs"
    log_folder.mkdir(parents=True, exist_ok=True)
    with (log_folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_until(process: subprocess.Popen[bytes], name: str, answers: Callable[[], object]) -> None:
    """Waits for a process that has just been started. Raises RuntimeError where it has ended or takes too long."""
    deadline = time.monotonic() + _READY_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The server {name} doesn't answer; its log is {KEPT / 'logs' / name}.log")
        time.sleep(0.02)  # between two looks, until the deadline


def settings_of_instance(catalog: Path, redis_port: int) -> dict[str, str]:
    """The environment of an instance of this application on its own machine."""
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "DATABASE_URL": f"sqlite:///{catalog}",
        "REDIS_URL": f"redis://{services.HOST}:{redis_port}/0",
        "FIREBASE_AUTH_EMULATOR_HOST": f"{services.HOST}:1",  # nobody signs in
        "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
        # A limit of 50 ms costs the same; on a machine that others load too it would make a miss of a hit now and then.
        "CACHE_TIMEOUT": "2",
    }


def get(server: Server, path: str) -> bytes:
    """The body of a reply of 200. Raises RuntimeError for another."""
    connection = http.client.HTTPConnection(services.HOST, server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != http.client.OK:
            raise RuntimeError(f"{server.name} {path}: {reply.status} {body[:200]!r}")
        return body
