"""A merge in a process of its own, which is told to stop through a pipe and never outlives the factory.

Of its own because of SQLite's locks (see the package); and what it held goes back to the machine with it. It is forked
from a server that has imported everything: a matter of milliseconds. (Python 3.13's looks for what it is to import from
the working directory alone, which is the project's wherever the factory is started.)
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

import apsw

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite.merge import MergeCall, merge

log = logging.getLogger(__name__)

_STOP = b"stop"

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


type Merge = Callable[[MergeCall, Stop], dict[str, Json]]


def merge_in_process(call: MergeCall, stop: Stop, work: Merge = merge) -> dict[str, Json]:
    """As `merge`. Raises ActivityFailedError also where the process ends without an answer."""
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=_merge_and_answer, args=(theirs, call, work), name=f"merge-{call.run_id}")
    process.daemon = True
    with ours:
        with theirs:
            process.start()
        with stop.on_request(lambda: _tell_to_stop(ours)):
            answer = _answer(ours)
    process.join()
    if answer is None:
        raise ActivityFailedError("SqlOperationFailed", "The merge's process ended without an outcome.", "SystemError")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _tell_to_stop(pipe: Connection) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        pipe.send_bytes(_STOP)


def _answer(pipe: Connection) -> dict[str, Json] | Exception | None:
    """What the merge gives or raises; None where its process ended before."""
    try:
        answer: dict[str, Json] | Exception = pipe.recv()
    except (EOFError, ConnectionResetError):
        return None
    return answer


def _merge_and_answer(pipe: Connection, call: MergeCall, work: Merge) -> None:
    """What the process does."""
    # What tells the factory to stop reaches all processes of its group: it tells its merges itself.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _leave_memory_uncounted()
    stop = Stop()
    threading.Thread(target=_listen, args=(pipe, stop), daemon=True).start()
    try:
        pipe.send(work(call, stop))
    except (ActivityFailedError, StoppedError) as error:
        pipe.send(error)
    except Exception as error:
        # The boundary of the process: whatever went wrong is told in the activity's message.
        log.exception("the merge of run %s failed", call.run_id)
        pipe.send(ActivityFailedError("SqlOperationFailed", f"{type(error).__name__}: {error}", "SystemError"))


def _leave_memory_uncounted() -> None:
    """SQLite counts its memory under one lock for all threads: two that judge rows took twice as long with it."""
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)  # noqa: FBT003  # SQLite's own way
    apsw.initialize()


def _listen(pipe: Connection, stop: Stop) -> None:
    """Stops the merge when told to, and ends its process at once when the factory has gone, or has its answer."""
    with contextlib.suppress(EOFError, OSError):
        while pipe.recv_bytes() == _STOP:
            stop.request()
    os._exit(1)
