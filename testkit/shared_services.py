"""Azurite and the Auth emulator take seconds to start, so all workers of a test run share one of each.

The first test that needs a service starts it. The run's first process (pytest, or pytest-xdist's controller) keeps a
FIFO open. A guardian reads the FIFO, and ends the service when that process ends, even if it is killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import override

from local.guardian import Guardian
from local.services import NODE_FOLDER, Service, free_ports
from testkit.processes import ServiceProcess
from testkit.waiting import wait_until

_FOLDER = "TEST_SERVICES_FOLDER"


class TestRun:
    """The folder and the FIFO of one test run. Its first process creates them."""

    __test__ = False

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="services-"))
        fifo = self._folder / "alive"
        os.mkfifo(fifo)
        # Open for both reading and writing: this doesn't wait for a reader, and the FIFO always has a writer.
        self._alive = os.open(fifo, os.O_RDWR)
        os.environ[_FOLDER] = str(self._folder)

    def end(self) -> None:
        """Ends the services, waits until they have ended, and removes their data."""
        os.close(self._alive)
        wait_until(self._has_no_reader, "the shared services have ended")
        shutil.rmtree(self._folder)

    def _has_no_reader(self) -> bool:
        try:
            os.close(os.open(self._folder / "alive", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # ENXIO
            return True
        return False


class _SharedProcess(ServiceProcess):
    """A service that outlives the worker that starts it. A guardian ends it."""

    @override
    def _before_program(self) -> None:
        return None


def shared(name: str, port_count: int, services: Callable[[list[int], Path], list[Service]]) -> list[int]:
    """Ports of services that all workers share. The first caller starts them and waits until they answer.

    `services` gets that many free ports, and a folder for its data.
    """
    run = Path(os.environ[_FOLDER])
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = run / f"{name}.ports"
        if not started.exists():
            if not NODE_FOLDER.exists():
                raise RuntimeError("The Node packages aren't installed: run `make setup`.")
            ports = free_ports(port_count)
            folder = run / name
            folder.mkdir()
            processes = [_SharedProcess(service, folder) for service in services(ports, folder)]
            for process in processes:
                process.start()
            with (run / "alive").open("rb") as alive:
                Guardian([process.pid for process in processes], until_end_of=alive)
            for process in processes:
                process.wait_until_ready()
            started.write_text(" ".join(map(str, ports)))
        return [int(port) for port in started.read_text().split()]


def next_number(name: str) -> int:
    """The next number of a counter that all workers share. The first number is 0."""
    with (Path(os.environ[_FOLDER]) / f"{name}.count").open("a+") as count:
        fcntl.flock(count, fcntl.LOCK_EX)
        count.seek(0)
        result = len(count.read())
        count.write("|")
    return result
