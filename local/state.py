"""The folder of a local cloud's data (default: `.local`), which one supervisor uses at a time.

Its file `run.json` has the addresses of all parts while the cloud runs. docs/architecture.md describes the fields.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from local import PROJECT
from local.errors import LocalCloudError
from local.file_lock import try_lock, write_pid

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = PROJECT / ".local"


class RunFile(BaseModel):
    """The content of `run.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: str
    instances: list[str]
    blob: str
    redis: str
    auth: str
    project_id: str
    datafactory: str
    database: str

    def write(self, state: Path) -> None:
        """Replaces the file in one step."""
        draft = _run_file(state).with_suffix(".draft")
        draft.write_text(self.model_dump_json(indent=2) + "\n")
        draft.replace(_run_file(state))


def read_run_file(state: Path = STATE) -> RunFile | None:
    """The run file of the local cloud that is ready on this folder; None if there is none."""
    try:
        run_file = RunFile.model_validate_json(_run_file(state).read_text())
    except FileNotFoundError:
        return None
    # A killed supervisor leaves its run file behind, but not its lock.
    with _lock_file(state).open("a") as lock:
        return None if try_lock(lock, fcntl.LOCK_SH) else run_file


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Locks the folder inside the context, and removes its run file at the beginning and at the end.

    Raises:
        LocalCloudError: another process has the lock.
    """
    state.mkdir(parents=True, exist_ok=True)
    with _lock_file(state).open("a+") as lock:
        if not try_lock(lock, fcntl.LOCK_EX):
            lock.seek(0)
            raise LocalCloudError(
                f"A local cloud (process {lock.read()}) runs on {state} already. Stop it, or choose another folder "
                "with STATE=…"
            )
        write_pid(lock)
        _run_file(state).unlink(missing_ok=True)
        try:
            yield
        finally:
            _run_file(state).unlink(missing_ok=True)


def _lock_file(state: Path) -> Path:
    return state / "lock"


def _run_file(state: Path) -> Path:
    return state / "run.json"
