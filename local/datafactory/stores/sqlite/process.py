"""Runs a merge in a process of its own, which ends with the factory and is stopped through a pipe.

SQLite's locks require a process (see the package). Its memory also goes back to the machine when it ends. It is forked
in milliseconds from a server that has already imported everything. (Python 3.13's fork server imports from the working
directory only, which is the project's folder for the factory.)
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
    """As `merge`. Also raises ActivityFailedError if the process ends without an answer."""
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
    with contextlib.suppress(OSError):  # the process has ended
        pipe.send_bytes(_STOP)


def _answer(pipe: Connection) -> dict[str, Json] | Exception | None:
    """The merge's result or error; None if its process ended before."""
    try:
        answer: dict[str, Json] | Exception = pipe.recv()
    except (EOFError, ConnectionResetError):
        return None
    return answer


def _merge_and_answer(pipe: Connection, call: MergeCall, work: Merge) -> None:
    """The main function of the process."""
    # These signals reach the factory's whole process group. The factory stops its merges itself.
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
        # The boundary of the process: the activity's message reports any error.
        log.exception("the merge of run %s failed", call.run_id)
        pipe.send(ActivityFailedError("SqlOperationFailed", f"{type(error).__name__}: {error}", "SystemError"))


def _leave_memory_uncounted() -> None:
    """Turns off SQLite's memory statistics: their lock made two threads that judge rows take twice as long."""
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)  # noqa: FBT003  # SQLite's own parameter
    apsw.initialize()


def _listen(pipe: Connection, stop: Stop) -> None:
    """Stops the merge on request. Ends the process at once when the factory has ended or has its answer."""
    with contextlib.suppress(EOFError, OSError):
        while pipe.recv_bytes() == _STOP:
            stop.request()
    os._exit(1)
