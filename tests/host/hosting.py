"""Starts the local host as people do, over a fixture app in a folder of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.processes import PROJECT, end_with_parent

APPS = Path(__file__).parent / "apps"
DEADLINE_SECONDS = 40.0


def eventually[T](look: Callable[[], T]) -> T:
    """What `look` gives once it gives something; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {DEADLINE_SECONDS:.0f} s: {found!r}")
        time.sleep(0.02)


@dataclass(frozen=True)
class FunctionApp:
    """A function app's folder, and the settings that its hosts get."""

    folder: Path
    settings: Mapping[str, str]

    @classmethod
    def make(
        cls, folder: Path, app: str, settings: Mapping[str, str] | None = None, host: Mapping[str, Any] | None = None
    ) -> FunctionApp:
        """An app of tests/host/apps, or one whose source is given, in a new folder; `host` goes to its host.json."""
        folder.mkdir(exist_ok=True)
        source = APPS / f"{app}.py"
        if source.is_file():
            shutil.copy(source, folder / "function_app.py")
        else:
            (folder / "function_app.py").write_text(app)
        (folder / "host.json").write_text(json.dumps({"version": "2.0", **(host or {})}))
        return cls(folder, {"EVENTS": str(folder / "events"), "RELEASE": str(folder / "release"), **(settings or {})})

    def events(self, **having: object) -> list[dict[str, Any]]:
        """What its functions have recorded, of which this holds."""
        file = self.folder / "events"
        lines = file.read_text().splitlines() if file.is_file() else []
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in events if having.items() <= event.items()]

    def release(self) -> None:
        """Lets the held requests end."""
        (self.folder / "release").touch()

    def start(self, *options: str) -> HostProcess:
        """Starts a host over the app."""
        log = self.folder / f"host-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "local.host", "--app", str(self.folder), "--port", "0", *options]
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--poll-seconds", "0.1"],
                cwd=PROJECT,
                env={**environment, "PYTHONPATH": str(PROJECT), **self.settings},
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
            )
        return HostProcess(process, log)

    @contextlib.contextmanager
    def running(self, *options: str) -> Iterator[HostProcess]:
        """A host over the app that is ready, and ends with the block."""
        host = self.start(*options)
        try:
            host.wait_until_ready()
            yield host
        finally:
            host.kill()

    def refusal(self, *options: str) -> str:
        """What a host says that can't start with the app."""
        host = self.start(*options)
        try:
            assert host.wait() == 1
        finally:
            host.kill()
        return host.said


@dataclass(frozen=True)
class HostProcess:
    """A host that has been started."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """All that it has written."""
        return self.log.read_text()

    @property
    def port(self) -> int:
        """The port that it serves on."""
        return int(self.said.split("\nReady: http://127.0.0.1:")[1].split("\n")[0])

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        """Waits for its sign."""

        def is_ready() -> bool:
            assert self.process.poll() is None, self.said
            return "\nReady: " in self.said

        eventually(is_ready)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """Ends it at once, if it still runs."""
        self.process.kill()
        self.process.wait()
