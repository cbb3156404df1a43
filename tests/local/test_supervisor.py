"""`make run` from outside: when it is ready, what it leaves behind, and what it says where it can't start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from local.processes import PROJECT
from local.services import HOST, free_ports
from local.state import read_run_file

_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


class Run:
    """A `python -m local.run` of a test's own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = free_ports(1)[0]
        self.log = state / "run.log"
        command = [sys.executable, "-m", "local.run", "--port", str(self.port), "--state", str(state)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)

    def wait_until_ready(self) -> None:
        _wait(lambda: read_run_file(self.state) is not None, self.log, _START_SECONDS)

    def services(self) -> dict[int, str]:
        """What the supervisor has started and what is still alive of it: process ids and command lines."""
        return {pid: line for pid, (parent, line) in _alive().items() if parent == self.process.pid}

    def runs_another_than(self, pid: int, name: str) -> bool:
        """Whether a service of that name runs in another process than `pid`."""
        return any(name in line for other, line in self.services().items() if other != pid)

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.port}/api/health/ready").is_success
        except httpx.HTTPError:
            return False


def _alive() -> dict[int, tuple[int, str]]:
    """Every process but those that have ended and wait for their parent: its parent and its command line."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    processes = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return {int(pid): (int(parent), line) for pid, parent, stat, line in processes if not stat.startswith("Z")}


def _wait(condition: Callable[[], bool], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)  # between two looks, until the deadline


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Run]:
    """A local cloud that is ready; a test may end it."""
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        yield run
    finally:
        run.process.send_signal(signal.SIGINT)
        run.process.wait(_STOP_SECONDS)


def test_what_dies_is_started_again_and_ctrl_c_leaves_nothing(ready: Run) -> None:
    assert ready.answers(), "run.json stands there, so everything has answered"
    services = ready.services()
    (valkey,) = (pid for pid, line in services.items() if "valkey" in line)
    (host,) = (pid for pid, line in services.items() if "local.host" in line)
    os.kill(valkey, signal.SIGKILL)
    os.kill(host, signal.SIGKILL)
    _wait(lambda: ready.runs_another_than(valkey, "valkey"), ready.log, _START_SECONDS)
    _wait(lambda: ready.runs_another_than(host, "local.host"), ready.log, _START_SECONDS)
    _wait(ready.answers, ready.log, _START_SECONDS)

    services = ready.services()
    ready.process.send_signal(signal.SIGINT)
    assert ready.process.wait(_STOP_SECONDS) == 0, ready.log.read_text(errors="replace")
    assert not services.keys() & _alive().keys()
    assert read_run_file(ready.state) is None


def test_a_killed_supervisor_leaves_no_process_and_no_run_file(ready: Run) -> None:
    services = ready.services()
    ready.process.kill()
    ready.process.wait()
    assert read_run_file(ready.state) is None
    _wait(lambda: not services.keys() & _alive().keys(), ready.log, _STOP_SECONDS)


def test_a_taken_port_is_named_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "local.run", "--port", str(port), "--state", str(tmp_path)]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} (host) is taken: choose another with PORT=…\n"
