"""Servers as processes of their own, whose CPU time is measured."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import http.client
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import override

from benchmarks.cache.catalog import KEPT
from local import services
from testkit import instance
from testkit.processes import ServiceProcess
from testkit.serving import instance_environment

PEERS_PYTHON = str(KEPT / "peers" / "bin" / "python")
LOGS = KEPT / "logs"
_LIBC = ctypes.CDLL(None, use_errno=True)


class Server(ServiceProcess):
    """A process that serves HTTP."""

    def __init__(self, service: services.Service) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        super().__init__(service, LOGS)
        self.name = service.name

    @override
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the server, and keeps its log only after an error."""
        self.end()
        if kind is None:
            self.log.unlink()

    def cpu_seconds(self) -> float:
        """The CPU time, user and system, of all its threads so far (POSIX, clock_getcpuclockid)."""
        clock = ctypes.c_int()
        error = _LIBC.clock_getcpuclockid(self.pid, ctypes.byref(clock))
        if error:
            raise OSError(error, f"The server {self.name} has ended")
        return time.clock_gettime(clock.value)


@contextlib.contextmanager
def valkey() -> Iterator[int]:
    """A Valkey that only this benchmark uses; yields its port."""
    with Server(services.valkey(services.free_ports(1)[0])) as server:
        yield server.port


def uvicorn(name: str, app: str, environment: Mapping[str, str], python: str = sys.executable) -> Server:
    """An ASGI application under uvicorn with httptools and asyncio's loop; `app` is `module:factory`."""
    return Server(instance.uvicorn(app, environment, name=name, python=python))


def function_host(name: str, environment: Mapping[str, str], folder: Path) -> Server:
    """function_app.py under Microsoft's worker runtime, in the local host. Only its HTTP functions are enabled."""
    others = ("start_import", "record_poison", "reconcile_imports", "drain_invalidations")
    disabled = {f"AzureWebJobs.{function}.Disabled": "true" for function in others}
    (port,) = services.free_ports(1)
    service = services.function_host(name, port, folder, {**environment, **disabled})
    # It answers before it is ready, for which it needs services that aren't measured.
    return Server(dataclasses.replace(service, answers=lambda: services.http_status(port, "/") is not None))


def settings_of_instance(catalog: Path, redis_port: int) -> dict[str, str]:
    """The environment of an instance of this application.

    The longer CACHE_TIMEOUT costs nothing. With 50 ms, other load on the machine would turn some hits into misses.
    """
    redis_url = f"redis://{services.HOST}:{redis_port}/0"
    extra = {"BLOB_TRIGGER_SOURCE": "LogsAndContainerScan", "CACHE_TIMEOUT": "2"}
    return instance_environment(f"sqlite:///{catalog}", redis_url, **extra)


def get(server: Server, path: str) -> bytes:
    """The body of a 200 reply. Raises RuntimeError for another status."""
    connection = http.client.HTTPConnection(services.HOST, server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != http.client.OK:
            raise RuntimeError(f"{server.name} {path}: expected 200, got {reply.status} {body[:200]!r}")
        return body
