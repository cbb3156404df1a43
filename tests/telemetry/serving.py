"""Runs an instance of the API in another process, because telemetry is global to a process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from testkit.databases import fresh_database
from testkit.instance import uvicorn
from testkit.processes import ServiceProcess
from testkit.serving import instance_environment


@contextlib.contextmanager
def instance(
    folder: Path, redis_url: str, environment: Mapping[str, str], factory: str = "create"
) -> Iterator[httpx.Client]:
    """A client of what this factory of `tests.telemetry.instance` creates, over an empty catalog."""
    settings = instance_environment(fresh_database(folder), redis_url, CACHE_TIMEOUT="2")
    with (
        ServiceProcess(uvicorn(f"tests.telemetry.instance:{factory}", {**settings, **environment}), folder) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=60) as client,
    ):
        yield client
