"""Keeps services running: starts them, shows their logs by name, starts again what dies, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Self

from local.errors import LocalCloudError
from local.processes import PROJECT, Guardian, end_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.services import Service
    from local.terminal import Terminal

START_SECONDS = 60.0
# The stages end one after the other, so the sum of theirs, with three stages, stays below 30 s.
STOP_SECONDS = 8.0

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds before a service that died is started again
_PROBE_PAUSE = 0.05  # seconds
_LOG_CHUNK = 64 * 1024  # bytes


class Supervisor:
    """Starts services in stages, and ends them in the opposite order.

    Use it as a context manager: a guardian ends what is left when this process doesn't get to its end.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._guardian = Guardian()
        self._stages: list[list[_Keeper]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._guardian.close()

    def start(self, services: Iterable[Service]) -> dict[str, asyncio.Future[None]]:
        """Starts a stage; each service's future is done with its first answer, or fails with `LocalCloudError`."""
        stage = [_Keeper(service, self._terminal, self._guardian) for service in services]
        self._stages.append(stage)
        return {keeper.service.name: keeper.answered for keeper in stage}

    async def stop(self) -> None:
        """Ends the stages, the last one first."""
        while self._stages:
            await asyncio.gather(*(keeper.stop() for keeper in self._stages.pop()))


class _Keeper:
    """One service, kept running from when this is made until `stop`."""

    def __init__(self, service: Service, terminal: Terminal, guardian: Guardian) -> None:
        self.service = service
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._terminal = terminal
        self._guardian = guardian
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ends the service: SIGTERM, and SIGKILL after `STOP_SECONDS`."""
        self._stopping = True
        self.answered.cancel()
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._keeping], timeout=STOP_SECONDS)
        if not done:
            self._terminal.say(f"{self.service.name} didn't end within {STOP_SECONDS:.0f} s and is killed")
            self._signal(signal.SIGKILL)
        await self._keeping

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping:
            started = time.monotonic()
            status = await self._run_once()
            if self._stopping:
                return
            if not self.answered.done():
                self.answered.set_exception(
                    LocalCloudError(
                        f"{self.service.name} ended with {_in_words(status)} before it answered; "
                        "what it said stands above."
                    )
                )
                return
            lived = time.monotonic() - started
            pause = _FIRST_PAUSE if lived > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            self._terminal.say(f"{self.service.name} ended with {_in_words(status)} and is started again")
            await asyncio.sleep(pause)

    async def _run_once(self) -> int:
        """Runs the service to its end; gives its exit status, negative where a signal ended it."""
        process = await asyncio.create_subprocess_exec(
            *self.service.command,
            cwd=PROJECT,
            env=self.service.full_environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is the supervisor's, which ends all in order
            preexec_fn=end_with_parent(),
        )
        self._process = process
        self._guardian.add(process.pid)
        if self._stopping:  # asked for while the process was being made
            self._signal(signal.SIGTERM)
        probing = asyncio.create_task(self._probe())
        try:
            await self._show_log(process)
            return await process.wait()
        finally:
            probing.cancel()
            # Whatever the process itself started ends with it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            self._guardian.remove(process.pid)

    async def _probe(self) -> None:
        """Asks until the service answers for the first time."""
        deadline = time.monotonic() + START_SECONDS
        while not self.answered.done():
            if await asyncio.to_thread(self.service.answers):
                if not self.answered.done():
                    self.answered.set_result(None)
            elif time.monotonic() > deadline:
                self.answered.set_exception(
                    LocalCloudError(f"{self.service.name} didn't answer on port {self.service.port} within 60 s.")
                )
            else:
                await asyncio.sleep(_PROBE_PAUSE)

    async def _show_log(self, process: asyncio.subprocess.Process) -> None:
        """Shows what the process says, line by line, until it closes its output."""
        if process.stdout is None:
            raise RuntimeError("The process has no pipe for its output.")
        unfinished = b""
        while chunk := await process.stdout.read(_LOG_CHUNK):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            if len(unfinished) > _LOG_CHUNK:  # a line without an end is shown in pieces, not kept
                lines.append(unfinished)
                unfinished = b""
            for line in lines:
                self._terminal.show(self.service.name, line.decode(errors="replace"))
        if unfinished:
            self._terminal.show(self.service.name, unfinished.decode(errors="replace"))


def _in_words(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
