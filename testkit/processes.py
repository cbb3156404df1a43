"""Processes that a test starts. Each has a log, and Linux ends it with its parent even if the parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from local import PROJECT
from local.processes import end_with_parent
from local.services import Service
from testkit.waiting import wait_until

_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


class Process:
    """A command that runs in the project's folder and appends its output to a log. It can be started repeatedly."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.log = log
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process without waiting for it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # a command of the project's own
                self._command,
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._before_program(),  # noqa: PLW1509  # it takes no lock
            )

    @property
    def pid(self) -> int:
        """The process id. The process must have been started."""
        assert self._process
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process doesn't run."""
        return self._process is None or self._process.poll() is not None

    @property
    def output(self) -> str:
        """Everything in the log."""
        return self.log.read_text(errors="replace")

    def wait_until(self, condition: Callable[[], bool], promise: str) -> None:
        """Waits for a condition. Raises RuntimeError with the end of the log if the process ends before it holds."""

        def holds() -> bool:
            has_ended = self.has_ended
            if condition():
                return True
            if has_ended:
                raise RuntimeError(f"Expected {promise}, but the process has ended: {self.output[-2000:]}")
            return False

        wait_until(holds, f"{promise} (log: {self.log})", _START_SECONDS)

    def wait_for_output(self, text: str) -> None:
        """Waits until the log contains a text."""
        self.wait_until(lambda: text in self.output, f"the log contains {text!r}")

    def wait_for_exit(self, seconds: float = _STOP_SECONDS) -> int:
        """Waits until the process ends, and returns its exit status."""
        assert self._process
        return self._process.wait(seconds)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, if the process runs."""
        if self._process and not self.has_ended:
            self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Ends the process with a signal, and returns its exit status. SIGKILL follows if it doesn't end."""
        self.send(number)
        self.send(signal.SIGCONT)  # a stopped process doesn't handle SIGTERM
        if self._process is None:
            return None
        try:
            return self.wait_for_exit()
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end()

    def _before_program(self) -> Callable[[], None] | None:
        """Runs in the child before its program."""
        return end_with_parent()


class ServiceProcess(Process):
    """A service on a port. The context starts it and waits until it answers."""

    def __init__(self, service: Service, folder: Path, *options: str) -> None:
        super().__init__(
            (*service.command, *options), folder / f"{service.name}-{service.port}.log", service.full_environment
        )
        self.service = service
        self.port = service.port

    def wait_until_ready(self) -> None:
        """Waits until the service answers."""
        self.wait_until(self.service.answers, f"{self.service.name} answers")

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        return self


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python to its end in the project's folder, and captures its output."""
    return subprocess.run(  # a command of the project's own
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def listening_process(port: int) -> psutil.Process | None:
    """The process that listens on a TCP port of this machine."""
    for connection in psutil.net_connections("tcp4"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return psutil.Process(connection.pid)
    return None
