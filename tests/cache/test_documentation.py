"""The example of docs/cache.md, run as two processes on one SQLite file and one Valkey."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from local import PROJECT
from local.processes import end_with_parent
from local.services import HOST, free_ports
from testkit.waiting import wait_until

_WRITES = 150
_LARGEST_EXAMPLE = 80
_CREATE_TABLES = (
    "import os, notes, sqlalchemy; notes.metadata.create_all(sqlalchemy.create_engine(os.environ['DATABASE_URL']))"
)

pytestmark = pytest.mark.sqlite_only


def example() -> str:
    """The application as the page shows it."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", (PROJECT / "docs/cache.md").read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


@contextlib.contextmanager
def running(folder: Path, environment: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of one process that serves the example."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", "--factory", "notes:create", "--port", str(port)]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env=environment,
            preexec_fn=end_with_parent(),  # noqa: PLW1509  # it calls nothing that another thread could have locked
        )
    try:
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=30) as client:

            def answers() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return client.get("/notes").is_success
                return False

            wait_until(answers, "the example answers")
            yield client
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def processes(tmp_path: Path, valkey: str) -> Iterator[list[httpx.Client]]:
    """Clients of two processes that serve the example."""
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    (tmp_path / "notes.py").write_text(example())
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'notes.db'}",
        "REDIS_URL": valkey,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(PROJECT)]),
    }
    subprocess.run([sys.executable, "-c", _CREATE_TABLES], env=environment, check=True)
    with running(tmp_path, environment) as one, running(tmp_path, environment) as other:
        yield [one, other]


def test_the_example_fits_on_its_page() -> None:
    assert len(example().splitlines()) <= _LARGEST_EXAMPLE


def test_no_process_shows_a_list_from_before_a_write_s_reply_of_the_other(processes: list[httpx.Client]) -> None:
    replied = 0
    over = threading.Event()
    outcomes: set[str] = set()
    stale: list[tuple[int, int]] = []

    def read(url: httpx.URL) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not over.is_set():
                before = replied
                reply = client.get("/notes")
                outcomes.add(reply.headers["X-Cache"])
                if len(reply.json()) < before:
                    stale.append((len(reply.json()), before))

    readers = [threading.Thread(target=read, args=(client.base_url,)) for client in processes]
    for reader in readers:
        reader.start()
    try:
        for number, writer in zip(range(_WRITES), itertools.cycle(processes), strict=False):
            assert writer.post("/notes", content=f"note {number}").status_code == httpx.codes.CREATED
            replied = number + 1
            for client in processes:
                assert len(client.get("/notes").json()) >= replied
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert stale == []
    assert outcomes >= {"HIT", "MISS"}
