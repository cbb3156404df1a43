"""Everything that `make run` starts: the app under Microsoft's worker, and all its parts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.processes import PROJECT
from local.services import free_ports

_READY_SECONDS = 60
_IMPORT_SECONDS = 90


class LocalCloud:
    """A running local cloud: its API, and a way to drop files."""

    def __init__(self, addresses: dict[str, Any], state: Path) -> None:
        self.addresses = addresses
        self.state = state
        self.api = httpx.Client(base_url=addresses["api"].removesuffix("/api"), timeout=30)
        self._blobs = BlobServiceClient.from_connection_string(addresses["blob"])

    def log_in_as_administrator(self) -> None:
        """As a user does: sign up, become administrator on the command line, log in, go on with the token."""
        credentials = {"email": "ada@example.org", "password": "correct horse"}
        assert self.api.post("/api/auth/signup", json=credentials).status_code == 201
        command = [sys.executable, "-m", "local.admin", "--email", credentials["email"]]
        subprocess.run([*command, "--state", str(self.state)], cwd=PROJECT, check=True, capture_output=True)
        token = self.api.post("/api/auth/login", json=credentials).json()["id_token"]
        self.api.headers["Authorization"] = f"Bearer {token}"

    def drop(self, name: str, content: bytes | Path) -> dict[str, Any]:
        """Puts a file into the container `imports`; gives its record once the import has ended."""
        known = {record["import_id"] for record in self.records()}
        blob = self._blobs.get_blob_client("imports", name)
        if isinstance(content, Path):
            with content.open("rb") as file:
                blob.upload_blob(file, overwrite=True)
        else:
            blob.upload_blob(content, overwrite=True)
        return self.wait_for(name, known)

    def wait_for(self, name: str, known: Collection[str] = ()) -> dict[str, Any]:
        """The record of an upload's import, other than those known, once it has ended."""
        deadline = time.monotonic() + _IMPORT_SECONDS
        while time.monotonic() < deadline:
            for record in self.records():
                ended = record["status"] not in {"received", "running"}
                if record["blob_name"] == name and record["import_id"] not in known and ended:
                    return record
            time.sleep(0.1)  # between two looks, until the deadline
        raise AssertionError(f"The import of {name} has not ended: {self.records()[:3]}")

    def records(self) -> list[dict[str, Any]]:
        """The newest imports."""
        reply = self.api.get("/api/imports", params={"limit": 100})
        assert reply.status_code == 200, reply.text
        items: list[dict[str, Any]] = reply.json()["items"]
        return items

    def products(self, **query: str | int) -> Iterator[dict[str, Any]]:
        """All products of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.api.get(
                "/api/products", params={**query, "limit": 100, **({"cursor": cursor} if cursor else {})}
            )
            yield from page.json()["items"]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return


@pytest.fixture(scope="session")
def start_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LocalCloud]]:
    """Starts local clouds of the test's own; they end with the session."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(instances: int = 1, **settings: str) -> LocalCloud:
        state = tmp_path_factory.mktemp("cloud")
        port = free_ports(1)[0]
        command = [sys.executable, "-m", "local.run", "--port", str(port), "--instances", str(instances)]
        ticking = {"RECONCILE_SCHEDULE": "* * * * * *", "DRAIN_SCHEDULE": "* * * * * *"}
        # A machine busy with other tests is no slow Redis.
        environment = os.environ | ticking | {"CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5"} | settings
        with (state / "run.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--state", str(state)], cwd=PROJECT, env=environment, stdout=log, stderr=log
            )
        processes.append(process)
        deadline = time.monotonic() + _READY_SECONDS
        run_file = state / "run.json"
        while not run_file.exists():
            assert process.poll() is None, (state / "run.log").read_text()
            assert time.monotonic() < deadline, (state / "run.log").read_text()
            time.sleep(0.1)  # between two looks, until the deadline
        return LocalCloud(json.loads(run_file.read_text()), state)

    yield start
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        process.wait(30)


@pytest.fixture(scope="session")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    """One local cloud for all, used by an administrator."""
    cloud = start_cloud()
    cloud.log_in_as_administrator()
    return cloud
