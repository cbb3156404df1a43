"""Starts the local host as a user does, over a test's own function app."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import PROJECT
from local.services import HOST
from testkit.processes import Process
from testkit.waiting import wait_until

APPS = Path(__file__).parent / "apps"


class HostProcess(Process):
    """A local host that has been started."""

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.output.split(f"\nReady: http://{HOST}:")[1].split("\n")[0])

    @property
    def url(self) -> str:
        """The base URL of its functions."""
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True)
class FunctionApp:
    """A function app's folder, and the settings of its hosts."""

    folder: Path
    settings: Mapping[str, str]

    @classmethod
    def make(
        cls, folder: Path, app: str, settings: Mapping[str, str] | None = None, host: Mapping[str, Any] | None = None
    ) -> FunctionApp:
        """Creates the folder; `app` names an app of tests/host/apps or is its source, `host` goes into host.json."""
        folder.mkdir(exist_ok=True)
        source = APPS / f"{app}.py"
        if source.is_file():
            shutil.copy(source, folder / "function_app.py")
        else:
            (folder / "function_app.py").write_text(app)
        (folder / "host.json").write_text(json.dumps({"version": "2.0", **(host or {})}))
        return cls(folder, {"EVENTS": str(folder / "events"), "RELEASE": str(folder / "release"), **(settings or {})})

    def events(self, **having: object) -> list[dict[str, Any]]:
        """The events with these values that the functions have recorded."""
        file = self.folder / "events"
        lines = file.read_text().splitlines() if file.is_file() else []
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in events if having.items() <= event.items()]

    def wait_for_events(self, count: int = 1, /, **having: object) -> list[dict[str, Any]]:
        """Waits until the functions have recorded that many events with these values, and returns them."""
        wait_until(lambda: len(self.events(**having)) >= count, f"{count} events with {having} are recorded")
        return self.events(**having)

    def release(self) -> None:
        """Lets the held requests end."""
        (self.folder / "release").touch()

    def start(self, *options: str) -> HostProcess:
        """Starts a host over the app."""
        command = [sys.executable, "-m", "local.host", "--app", str(self.folder), "--port", "0", *options]
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        host = HostProcess(
            [*command, "--poll-seconds", "0.1"],
            self.folder / f"host-{time.monotonic_ns()}.log",
            {**environment, "PYTHONPATH": str(PROJECT), **self.settings},
        )
        host.start()
        return host

    @contextlib.contextmanager
    def running(self, *options: str) -> Iterator[HostProcess]:
        """A host over the app that is ready. It ends with the block."""
        host = self.start(*options)
        try:
            host.wait_for_output("\nReady: ")
            yield host
        finally:
            host.end(signal.SIGKILL)

    def refusal(self, *options: str) -> str:
        """The output of a host that can't start with the app."""
        host = self.start(*options)
        try:
            assert host.wait_for_exit() == 1
        finally:
            host.end(signal.SIGKILL)
        return host.output
