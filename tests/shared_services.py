"""Azurite and the Auth emulator, which take seconds to start: one of each serves every worker of a test run.

The first test that asks for one starts it. The run's first process (pytest itself, or pytest-xdist's controller) holds
a FIFO open for as long as it lives; a guardian reads it and ends the service with it, however that comes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local.guardian import Guardian
from local.processes import PROJECT
from local.services import NODE_FOLDER, Service, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

START_SECONDS = 60.0

_FOLDER = "TEST_SERVICES_FOLDER"


class TestRun:
    """The folder and the FIFO of one test run; made by its first process."""

    __test__ = False

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="services-"))
        fifo = self._folder / "alive"
        os.mkfifo(fifo)
        # Opened for both ends: this alone neither waits for a reader nor leaves the FIFO without a writer.
        self._alive = os.open(fifo, os.O_RDWR)
        os.environ[_FOLDER] = str(self._folder)

    def end(self) -> None:
        """Ends the services, waits until they are gone, and removes what they kept."""
        os.close(self._alive)
        wait_until(self._nobody_reads, "the shared services have ended")
        shutil.rmtree(self._folder)

    def _nobody_reads(self) -> bool:
        try:
            os.close(os.open(self._folder / "alive", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # ENXIO
            return True
        return False


def shared(name: str, port_count: int, services: Callable[[list[int], Path], list[Service]]) -> list[int]:
    """Ports of a service that all workers share, started by whoever asks first; it answers.

    `services` gets that many free ports, and a folder for its data.
    """
    run = Path(os.environ[_FOLDER])
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = run / f"{name}.ports"
        if not started.exists():
            ports = free_ports(port_count)
            folder = run / name
            folder.mkdir()
            processes = [_start(service, folder) for service in services(ports, folder)]
            with (run / "alive").open("rb") as alive:
                Guardian([process.pid for process in processes], until_end_of=alive)
            for service, process in zip(services(ports, folder), processes, strict=True):
                wait_until_it_answers(service, process, folder)
            started.write_text(" ".join(map(str, ports)))
        return [int(port) for port in started.read_text().split()]


def number(name: str) -> int:
    """Counts up from 0 over all workers."""
    with (Path(os.environ[_FOLDER]) / f"{name}.count").open("a+") as count:
        fcntl.flock(count, fcntl.LOCK_EX)
        count.seek(0)
        result = len(count.read())
        count.write("|")
    return result


def wait_until_it_answers(service: Service, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Waits for a service's first answer; fails with the end of its log where it ends instead."""

    def answers() -> bool:
        if process.poll() is not None:
            log = (folder / f"{service.name}.log").read_text()
            raise RuntimeError(f"{service.name} ended with {process.returncode}: {log[-2000:]}")
        return service.answers()

    wait_until(answers, f"{service.name} answers")


def wait_until(condition: Callable[[], bool], promise: str, seconds: float = START_SECONDS) -> None:
    """Asks until the condition holds; after that many seconds the promise counts as broken."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"In {seconds} s it didn't come true that {promise}.")
        time.sleep(0.05)


def _start(service: Service, folder: Path) -> subprocess.Popen[bytes]:
    """Starts a service in a process group of its own, which doesn't end with the worker that happened to be first."""
    if not NODE_FOLDER.exists():
        raise RuntimeError("The Node parts aren't installed: run `make node`.")
    with (folder / f"{service.name}.log").open("wb") as log:
        return subprocess.Popen(
            service.command,
            cwd=PROJECT,
            env=service.full_environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
