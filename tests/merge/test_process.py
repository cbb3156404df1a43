"""The process of a merge on SQLite, and what happens when it or the factory's process ends."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection

import psutil
import pytest
import sqlalchemy as sa

from local.datafactory.failures import ActivityFailedError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite import staging_files
from local.datafactory.stores.sqlite.merge import merge
from local.datafactory.stores.sqlite.process import Merge, merge_in_process
from local.datafactory.stores.sqlite.store import SqliteStore
from tests.merge.altered import (
    as_many_rows,
    endless_when_section_runs,
    failing,
    killed_when_section_runs,
    staying_when_section_runs,
    when_section_runs,
)
from tests.merge.cases import product
from tests.merge.conftest import Catalog

pytestmark = pytest.mark.sqlite_only

_ENDS_SECONDS = 10.0

type Factory = Callable[[Connection, sa.URL, str, str], None]


@pytest.fixture
def import_id(catalog: Catalog) -> str:
    return catalog.register()


@pytest.fixture
def run_id(catalog: Catalog) -> str:
    return catalog.stage("products", [product()])


@pytest.mark.parametrize(("section", "work"), [("10 count", merge), ("8 insert", as_many_rows)])
def test_a_merge_whose_process_is_killed_leaves_nothing_and_can_be_done_again(
    section: str, work: Merge, catalog: Catalog, import_id: str, run_id: str
) -> None:
    catalog.merge_by(_in_process(killed_when_section_runs, section, work))
    with pytest.raises(ActivityFailedError, match="ended without an outcome") as failed:
        catalog.call("products", import_id, run_id)
    assert failed.value.failure_type == "SystemError"
    assert catalog.products() == []
    assert catalog.outcome(import_id) is None
    catalog.merge_by(merge_in_process)
    assert catalog.call("products", import_id, run_id)["status"] == "succeeded"
    catalog.store.end_run(run_id)
    assert list(staging_files.staging_folder(catalog.url).iterdir()) == []


def test_a_fault_of_the_merge_itself_is_told(catalog: Catalog, import_id: str, run_id: str) -> None:
    catalog.merge_by(_in_process(failing))
    with pytest.raises(ActivityFailedError, match="ZeroDivisionError: division by zero"):
        catalog.call("products", import_id, run_id)


def test_a_stop_interrupts_a_statement(catalog: Catalog, import_id: str, run_id: str) -> None:
    ours, theirs = multiprocessing.Pipe()
    stop = Stop()
    catalog.merge_by(_in_process(endless_when_section_runs, "10 count", theirs))
    with ThreadPoolExecutor(1) as pool:
        merging = pool.submit(catalog.call, "products", import_id, run_id, stop=stop)
        ours.recv_bytes()
        stop.request()
        with pytest.raises(StoppedError):
            merging.result(_ENDS_SECONDS)
    assert catalog.products() == []


def test_a_merge_ends_with_its_factory_and_changes_nothing(catalog: Catalog, import_id: str, run_id: str) -> None:
    with _factory(_merge_and_stay, catalog.url, import_id, run_id) as (factory, pipe):
        assert pipe.recv_bytes() == b"here"
        below = factory.children(recursive=True)
        assert below
        factory.kill()
        _, alive = psutil.wait_procs(below, _ENDS_SECONDS)
    assert alive == []
    assert catalog.products() == []
    assert catalog.call("products", import_id, run_id)["status"] == "succeeded"


def test_a_merge_whose_whole_group_is_told_to_end_is_stopped_by_the_factory(
    catalog: Catalog, import_id: str, run_id: str
) -> None:
    with _factory(_merge_until_told_to_end, catalog.url, import_id, run_id) as (factory, pipe):
        assert pipe.recv_bytes() == b"here"
        os.killpg(factory.pid, signal.SIGTERM)
        assert pipe.recv_bytes() == b"StoppedError"
    assert catalog.products() == []


def test_a_merge_that_has_committed_succeeds_though_its_staging_rows_have_gone(
    catalog: Catalog, import_id: str, run_id: str
) -> None:
    catalog.merge_by(when_section_runs("10 count", lambda: catalog.store.end_run(run_id)))
    assert catalog.call("products", import_id, run_id)["status"] == "succeeded"


def test_a_merged_import_gives_its_outcome_when_its_staging_rows_have_gone(
    catalog: Catalog, import_id: str, run_id: str
) -> None:
    first = catalog.call("products", import_id, run_id)
    assert list(staging_files.staging_folder(catalog.url).iterdir()) == []
    assert catalog.call("products", import_id, run_id) == first


def test_a_run_without_staging_rows_fails_the_activity(catalog: Catalog, import_id: str) -> None:
    with pytest.raises(ActivityFailedError, match="The run another has no staging rows"):
        catalog.call("products", import_id, "another")


@contextmanager
def _factory(work: Factory, url: sa.URL, import_id: str, run_id: str) -> Iterator[tuple[psutil.Process, Connection]]:
    """A process that calls a merge like the factory, and the test's end of its pipe."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, url, import_id, run_id))
    process.start()
    theirs.close()
    try:
        yield psutil.Process(process.pid), ours
    finally:
        process.kill()
        process.join()


def _merge_and_stay(pipe: Connection, url: sa.URL, import_id: str, run_id: str) -> None:
    """Calls a merge that never ends."""
    _call(SqliteStore(url, _in_process(staying_when_section_runs, "10 count", pipe)), import_id, run_id, Stop())


def _merge_until_told_to_end(pipe: Connection, url: sa.URL, import_id: str, run_id: str) -> None:
    """Calls a merge in a process group of its own. 0.2 s after SIGTERM the merge is requested to stop."""
    os.setsid()
    stop = Stop()
    signal.signal(signal.SIGTERM, lambda *_: threading.Timer(0.2, stop.request).start())
    try:
        _call(SqliteStore(url, _in_process(endless_when_section_runs, "10 count", pipe)), import_id, run_id, stop)
    except (ActivityFailedError, StoppedError) as error:
        pipe.send_bytes(type(error).__name__.encode())


def _in_process(work: Callable[..., dict[str, Json]], *arguments: object) -> Merge:
    return functools.partial(merge_in_process, work=functools.partial(work, *arguments))


def _call(store: SqliteStore, import_id: str, run_id: str, stop: Stop) -> None:
    parameters: dict[str, Json] = {"import_id": import_id, "run_id": run_id, "rows_skipped": 0}
    store.call("import.merge_products", parameters, 300, stop)
