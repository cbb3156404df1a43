"""Copies of the tree, to which a recipe of docs/contributing.md is applied as a patch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent
_SECONDS = 600


@dataclass(frozen=True)
class Copy:
    """A copy of the project's files in a folder of the test's own."""

    folder: Path

    def apply(self, patch: str, *, leave_out: str | None = None) -> None:
        """Applies a patch of this folder, without the files that `leave_out` (a pattern of paths) names."""
        exclude = [f"--exclude={leave_out}"] if leave_out else []
        self._git("apply", *exclude, str(PATCHES / patch))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `python` with these arguments in the copy."""
        # pytest-xdist's variables would make the tests in the copy think that they are a worker of this run.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def test(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Runs tests of the copy."""
        return self.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "--timeout", str(_SECONDS), *tests)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, check=True, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of the tree as it is now, uncommitted changes included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    folder = tmp_path / "project"
    for name in filter(None, listed.split("\0")):
        source, target = PROJECT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (folder / ".local").mkdir()
    (folder / ".local" / "node").symlink_to(PROJECT / ".local" / "node")
    return Copy(folder)


def files_of(patch: str) -> list[str]:
    """The files that a patch of this folder changes or adds."""
    lines = (PATCHES / patch).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("+++ b/") for line in lines if line.startswith("+++ b/")]
