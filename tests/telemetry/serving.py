"""Runs an instance of the API in another process, because telemetry is global to a process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from local.processes import PROJECT, end_with_parent
from local.services import free_ports
from tests.databases import fresh_database

_READY_SECONDS = 90.0


@contextlib.contextmanager
def instance(
    folder: Path, redis_url: str, environment: Mapping[str, str], factory: str = "create"
) -> Iterator[httpx.Client]:
    """A client of this factory of `tests.telemetry.instance`, with an empty catalog."""
    (port,) = free_ports(1)
    settings = {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "DATABASE_URL": fresh_database(folder),
        "REDIS_URL": redis_url,
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",  # nobody signs in
        "CACHE_TIMEOUT": "2",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", f"tests.telemetry.instance:{factory}", "--port", str(port)]
    log = folder / "instance.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **settings, **environment},
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait(client, process, log)
            yield client
    finally:
        process.terminate()
        process.wait()


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            client.get("/api/health/live")
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
