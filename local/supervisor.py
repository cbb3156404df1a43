"""Starts services, prints their logs, restarts those that end, and stops all in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Self

from local import PROJECT
from local.errors import LocalCloudError
from local.guardian import Guardian
from local.processes import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.services import Service
    from local.terminal import Terminal

# Time in which a service has to answer for the first time.
START_SECONDS = 60.0
# Time between SIGTERM and SIGKILL. Stages stop one after the other: three of them stay below 30 s.
STOP_SECONDS = 8.0

_FIRST_BACKOFF, _MAX_BACKOFF = 0.1, 5.0  # seconds before a restart
_PROBE_SECONDS = 0.05
_LOG_CHUNK = 64 * 1024  # bytes


class Supervisor:
    """Starts services in stages and stops the stages in the opposite order.

    Use it as a context manager: a guardian ends the services if this process is killed.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._guardian = Guardian()
        self._stages: list[list[_SupervisedService]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._guardian.close()

    def start(self, services: Iterable[Service]) -> dict[str, asyncio.Future[None]]:
        """Starts a stage and returns a future for each service's name, which is done when the service answers.

        It fails with `LocalCloudError` if the service ends before, or doesn't answer within `START_SECONDS`.
        """
        stage = [_SupervisedService(service, self._terminal, self._guardian) for service in services]
        self._stages.append(stage)
        return {supervised.service.name: supervised.answered for supervised in stage}

    async def stop(self) -> None:
        """Stops the stages, the last one first."""
        while self._stages:
            await asyncio.gather(*(supervised.stop() for supervised in self._stages.pop()))


class _SupervisedService:
    """A service that runs, restarted as needed, until `stop`."""

    def __init__(self, service: Service, terminal: Terminal, guardian: Guardian) -> None:
        self.service = service
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._terminal = terminal
        self._guardian = guardian
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._supervision = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Ends the service with SIGTERM, and with SIGKILL after `STOP_SECONDS`."""
        self._stopping = True
        self.answered.cancel()
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._supervision], timeout=STOP_SECONDS)
        if not done:
            self._terminal.say(f"{self.service.name} didn't end within {STOP_SECONDS:.0f} s: sending SIGKILL")
            self._signal(signal.SIGKILL)
        await self._supervision

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _supervise(self) -> None:
        backoff = _FIRST_BACKOFF
        while not self._stopping:
            started = time.monotonic()
            status = await self._run_once()
            if self._stopping:
                return
            if not self.answered.done():
                self.answered.set_exception(
                    LocalCloudError(
                        f"{self.service.name} ended with {_describe(status)} before it answered. See its log above."
                    )
                )
                return
            lived = time.monotonic() - started
            backoff = _FIRST_BACKOFF if lived > _MAX_BACKOFF else min(2 * backoff, _MAX_BACKOFF)
            self._terminal.say(f"{self.service.name} ended with {_describe(status)}: restarting it")
            await asyncio.sleep(backoff)

    async def _run_once(self) -> int:
        """Runs the service to its end and returns its exit status: negative if a signal ended it."""
        process = await asyncio.create_subprocess_exec(
            *self.service.command,
            cwd=PROJECT,
            env=self.service.full_environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only the supervisor, which stops all in order
            preexec_fn=end_with_parent(),
        )
        self._process = process
        self._guardian.add(process.pid)
        if self._stopping:  # `stop` was called while the process started
            self._signal(signal.SIGTERM)
        probing = asyncio.create_task(self._probe())
        try:
            await self._show_log(process)
            return await process.wait()
        finally:
            probing.cancel()
            # Ends the processes that the service has started.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            self._guardian.remove(process.pid)

    async def _probe(self) -> None:
        """Checks the service until it answers for the first time."""
        deadline = time.monotonic() + START_SECONDS
        while not self.answered.done():
            if await asyncio.to_thread(self.service.answers):
                if not self.answered.done():
                    self.answered.set_result(None)
            elif time.monotonic() > deadline:
                self.answered.set_exception(
                    LocalCloudError(
                        f"{self.service.name} didn't answer on port {self.service.port} within {START_SECONDS:.0f} s."
                    )
                )
            else:
                await asyncio.sleep(_PROBE_SECONDS)

    async def _show_log(self, process: asyncio.subprocess.Process) -> None:
        """Prints the process's output line by line until the process closes it."""
        if process.stdout is None:
            raise RuntimeError("The process has no pipe for its output.")
        unfinished = b""
        while chunk := await process.stdout.read(_LOG_CHUNK):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            if len(unfinished) > _LOG_CHUNK:  # bounds the memory that a line without an end takes
                lines.append(unfinished)
                unfinished = b""
            for line in lines:
                self._terminal.show(self.service.name, line.decode(errors="replace"))
        if unfinished:
            self._terminal.show(self.service.name, unfinished.decode(errors="replace"))


def _describe(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
