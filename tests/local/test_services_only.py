"""`make services` runs all services but the app, for another host. The local host stands in for `func start`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local import PROJECT
from local.environment import EXAMPLE
from local.services import free_ports, function_host
from local.state import read_run_file
from tests.local.marked_process import MarkedProcess

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

# The same as `make services`, but with a local.settings.json of the test's own.
_SERVICES_ONLY = """
import pathlib, sys
from local import environment, run
environment.LOCAL_SETTINGS = pathlib.Path(sys.argv.pop(1))
run.main()
"""


def _settings(folder: Path) -> dict[str, str]:
    """Writes the example's settings with free ports to a file, and returns its `Values`."""
    text = EXAMPLE.read_text().replace(".local/database", f"{folder}/state/database")
    for taken, free in zip((10000, 10001, 6379, 7073, 9099, 7071), free_ports(6), strict=True):
        text = text.replace(str(taken), str(free))
    (folder / "local.settings.json").write_text(text)
    return {**json.loads(text)["Values"], "APP_PORT": str(json.loads(text)["Host"]["LocalHttpPort"])}


def test_what_ci_does_around_another_host_works(tmp_path: Path) -> None:
    settings, state = _settings(tmp_path), tmp_path / "state"
    port = int(settings.pop("APP_PORT"))
    command = ("-c", _SERVICES_ONLY, str(tmp_path / "local.settings.json"), "--services-only", "--state", str(state))
    with MarkedProcess(tmp_path, *command) as services:
        services.wait_for_output("func start")
        run = read_run_file(state)
        assert run
        assert run.api == f"http://127.0.0.1:{port}/api"
        assert not any("local.host" in command for command in services.descendants().values())

        host = function_host("host", port, state / "host", {})
        environment = settings | {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
        with MarkedProcess(tmp_path, *host.command[1:], **environment):
            subprocess.run(
                [PROJECT / ".github" / "wait-for.sh", f"curl --fail --silent {run.api}/health/ready"], check=True
            )
            done = subprocess.run(
                [PROJECT / ".github" / "smoke-local.sh", f"http://127.0.0.1:{port}"],
                cwd=PROJECT,
                # The packages that make would install first are installed.
                env=os.environ
                | {"SMOKE_EMAIL": "smoke@example.org", "SMOKE_PASSWORD": "a password of the emulator"}
                | {"STATE": str(state), "MAKEFLAGS": "-o .venv/.installed -o .local/node/.installed"},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a CSV goes through upload, import and query" in done.stdout
