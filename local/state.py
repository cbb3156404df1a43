"""The folder in which a local cloud keeps its data, used by one supervisor at a time (default: `.local`).

`run.json` in it says where everything is while it runs; the fields are those of docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from local.errors import LocalCloudError
from local.processes import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = PROJECT / ".local"


class RunFile(BaseModel):
    """What `run.json` holds while a local cloud is ready."""

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
        """Writes the file, whole or not at all."""
        draft = _run_file(state).with_suffix(".draft")
        draft.write_text(self.model_dump_json(indent=2) + "\n")
        draft.replace(_run_file(state))


def read_run_file(state: Path = STATE) -> RunFile | None:
    """Where the local cloud of that folder is, or None while none is ready there."""
    try:
        run_file = RunFile.model_validate_json(_run_file(state).read_text())
    except FileNotFoundError:
        return None
    # A supervisor that was killed leaves its file behind, but not its lock.
    with _lock_file(state).open("a") as lock:
        return None if _take(lock, fcntl.LOCK_SH) else run_file


@contextlib.contextmanager
def hold(state: Path) -> Iterator[None]:
    """Keeps the folder for this process while the context lasts; there is no run file at its beginning and end.

    Raises:
        LocalCloudError: another process has it.
    """
    state.mkdir(parents=True, exist_ok=True)
    with _lock_file(state).open("a+") as lock:
        if not _take(lock, fcntl.LOCK_EX):
            lock.seek(0)
            raise LocalCloudError(
                f"A local cloud (process {lock.read()}) runs on {state} already: stop it, or give this one a folder "
                "of its own with STATE=…"
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _run_file(state).unlink(missing_ok=True)
        try:
            yield
        finally:
            _run_file(state).unlink(missing_ok=True)


def _take(lock: IO[str], mode: int) -> bool:
    """Whether nobody else has the lock; it is kept until the file is closed."""
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_file(state: Path) -> Path:
    return state / "lock"


def _run_file(state: Path) -> Path:
    return state / "run.json"
