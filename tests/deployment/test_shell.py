"""Every shell script without a finding."""

from __future__ import annotations

import subprocess

from local import PROJECT

_SCRIPTS = sorted([*(PROJECT / "infra").rglob("*.sh"), *(PROJECT / ".github").glob("*.sh"), PROJECT / ".ci" / "run"])


def test_shellcheck_finds_nothing() -> None:
    shellcheck = PROJECT / ".venv" / "bin" / "shellcheck"
    done = subprocess.run([shellcheck, *_SCRIPTS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_script_ends_at_its_first_error_and_can_be_run() -> None:
    for script in _SCRIPTS:
        assert "set -euo pipefail" in script.read_text(), script
        assert script.stat().st_mode & 0o100, script
