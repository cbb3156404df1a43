"""A process may die between any two steps: its import still ends once, with one outcome."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from shared.imports import repository
from shared.imports.data_factory import DataFactoryClient
from shared.imports.storage import WorkingCopies
from shared.imports.workflow import ImportWorkflow
from shared.settings import Settings
from testkit.csv_files import products
from tests.imports.cloud import App, Blob, Cloud, runs
from tests.imports.failing import Died, die_once

# A run without a recorded id counts as lost after two minutes.
LATER = dt.timedelta(minutes=3)
RECORD_CHANGES = 3  # running, its run's id, its end


def die_at(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, call: int) -> None:
    """The process dies after the work of this call, counted from 1."""
    whole: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = whole(*args, **kwargs)
        if calls == call:
            raise Died
        return result

    monkeypatch.setattr(owner, name, counted)


def one_import_with_one_outcome(cloud: Cloud, app: App, blob: Blob, rows: int) -> None:
    app.reconcile()
    if cloud.records():
        cloud.age(blob.import_id, LATER)
    app.reconcile_until(
        lambda: [record["status"] for record in cloud.records()] == ["succeeded"], "the import has succeeded"
    )
    app.reconcile()
    (record,) = cloud.records()
    assert (record["rows_read"], record["rows_inserted"], record["progress"]) == (rows, rows, 1.0)
    assert [outcome["status"] for outcome in cloud.outcomes()] == ["succeeded"]
    assert cloud.products() == rows
    assert app.leftovers(cloud) == {}


def let_it_die(app: App, cloud: Cloud, blob: Blob) -> None:
    def live() -> None:
        app.receive(cloud, blob.name)
        app.end(cloud, blob)

    with pytest.raises(Died):
        live()


@pytest.mark.parametrize(
    "last_call",
    [
        (repository, "insert_record", "before"),
        (WorkingCopies, "find", "before"),
        (WorkingCopies, "start", "before"),
        (WorkingCopies, "start", "after"),
        (DataFactoryClient, "create_run", "before"),
        (DataFactoryClient, "create_run", "after"),
        (DataFactoryClient, "get_run", "before"),
        (repository, "read_outcome", "before"),
        (WorkingCopies, "delete", "before"),
        (WorkingCopies, "delete", "after"),
    ],
)
def test_a_process_that_dies_at_any_call_leaves_one_import(
    monkeypatch: pytest.MonkeyPatch,
    cloud: Cloud,
    settings: Settings,
    start_app: Callable[[Settings], App],
    last_call: tuple[object, str, Any],
) -> None:
    blob = cloud.put("lamps.csv", products(20))
    die_once(monkeypatch, *last_call)
    let_it_die(start_app(settings), cloud, blob)
    one_import_with_one_outcome(cloud, start_app(settings), blob, 20)
    assert len(runs(settings)) == 1


@pytest.mark.parametrize("change", range(1, RECORD_CHANGES + 1))
def test_a_process_that_dies_after_any_change_of_the_record_leaves_one_import(
    monkeypatch: pytest.MonkeyPatch,
    cloud: Cloud,
    settings: Settings,
    start_app: Callable[[Settings], App],
    change: int,
) -> None:
    blob = cloud.put("lamps.csv", products(20))
    die_at(monkeypatch, repository, "change_record", change)
    let_it_die(start_app(settings), cloud, blob)
    one_import_with_one_outcome(cloud, start_app(settings), blob, 20)
    assert len(runs(settings)) == 1


def test_a_record_whose_process_died_right_after_writing_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App]
) -> None:
    blob = cloud.put("lamps.csv", products(20))
    first = start_app(settings)

    async def die(_workflow: ImportWorkflow, _import_id: str) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(ImportWorkflow, "advance", die)
        with pytest.raises(Died):
            first.receive(cloud, blob.name)
    assert [record["status"] for record in cloud.records()] == ["received"]
    one_import_with_one_outcome(cloud, start_app(settings), blob, 20)


def test_a_run_that_the_factory_has_lost_is_started_again(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(20))
    with monkeypatch.context() as losing:
        losing.setattr(DataFactoryClient, "create_run", lambda *_: "lost")
        app.receive(cloud, blob.name)
    app.reconcile()
    assert cloud.record(blob.import_id)["run_id"] == "lost"
    cloud.age(blob.import_id, LATER)
    (record,) = app.end(cloud, blob)
    assert (record["status"], len(runs(settings))) == ("succeeded", 1)
    assert record["run_id"] != "lost"
