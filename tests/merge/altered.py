"""Altered merges for tests. They run in the merge's process, so nothing is patched in the test's process."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from local.datafactory.failures import StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite import bulk, judge
from local.datafactory.stores.sqlite.merge import CatalogMerge, MergeCall, merge
from local.datafactory.stores.sqlite.process import Merge, merge_in_process

_HEARD_SECONDS = 10.0


def as_many_rows(call: MergeCall, stop: Stop) -> dict[str, Json]:
    """A merge that handles few rows in the way of many."""
    bulk._FEWEST_ROWS = judge._FEWEST_ROWS = 1
    return merge(call, stop)


def stopped_when_section_runs(name: str, stop: Stop, work: Merge = merge) -> Merge:
    """A merge that receives a request to stop when the section begins."""
    return _interrupted(name, stop.request, functools.partial(_pausing, name, work, hears_stop=True))


def when_section_runs(name: str, action: Callable[[], object], work: Merge = merge) -> Merge:
    """A merge that waits when the section begins, until the test's process has done `action`."""
    return _interrupted(name, action, functools.partial(_pausing, name, work, hears_stop=False))


def _interrupted(
    name: str, action: Callable[[], object], pausing: Callable[[Connection, MergeCall, Stop], dict[str, Json]]
) -> Merge:
    def acting(call: MergeCall, stop: Stop) -> dict[str, Json]:
        ours, theirs = multiprocessing.get_context("forkserver").Pipe()

        def act() -> None:
            try:
                ours.recv_bytes()
            except EOFError:
                raise AssertionError(f"The section {name} did not run.") from None
            try:
                action()
            finally:
                ours.send_bytes(b"go on")

        with ours, ThreadPoolExecutor(1) as pool:
            acted = pool.submit(act)
            with theirs:
                try:
                    return merge_in_process(call, stop, functools.partial(pausing, theirs))
                finally:
                    theirs.close()
                    acted.result()

    return acting


def _pausing(  # noqa: PLR0913  # the arguments of the alteration and of the merge
    name: str, work: Merge, pipe: Connection, call: MergeCall, stop: Stop, *, hears_stop: bool
) -> dict[str, Json]:
    def pause(_merging: CatalogMerge) -> None:
        pipe.send_bytes(b"here")
        pipe.recv_bytes()
        if hears_stop:
            with contextlib.suppress(StoppedError):
                stop.wait(_HEARD_SECONDS)

    _before_section(name, pause)
    return work(call, stop)


def _before_section(section: str, action: Callable[[CatalogMerge], object]) -> None:
    """Alters all merges of this process."""
    original = CatalogMerge.run_section

    def run_section(self: CatalogMerge, name: str, parameters: Mapping[str, int]) -> int:
        if name == section:
            action(self)
        return original(self, name, parameters)

    CatalogMerge.run_section = run_section  # type: ignore[method-assign]  # the process runs this merge only


def failing(_call: MergeCall, _stop: Stop) -> dict[str, Json]:
    """A merge that raises an unexpected error."""
    raise ZeroDivisionError("division by zero")


def endless_when_section_runs(name: str, pipe: Connection, call: MergeCall, stop: Stop) -> dict[str, Json]:
    """A merge that runs an endless statement when the section begins, and says so."""

    def run(merging: CatalogMerge) -> None:
        # Said from within the statement: an interrupt before it begins has no effect.
        merging.connection.create_scalar_function("here", lambda *_: pipe.send_bytes(b"here"), 0, deterministic=True)
        merging.connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT here() UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
        )

    _before_section(name, run)
    return merge(call, stop)


def staying_when_section_runs(name: str, pipe: Connection, call: MergeCall, stop: Stop) -> dict[str, Json]:
    """A merge that stays where the section begins, and says so."""

    def stay(_merging: CatalogMerge) -> None:
        pipe.send_bytes(b"here")
        threading.Event().wait()

    _before_section(name, stay)
    return merge(call, stop)


def killed_when_section_runs(name: str, work: Merge, call: MergeCall, stop: Stop) -> dict[str, Json]:
    """A merge whose process is killed when the section begins."""
    _before_section(name, lambda _merging: os.kill(os.getpid(), signal.SIGKILL))
    return work(call, stop)
