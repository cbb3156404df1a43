"""The app over Azure SQL's dialect and a driver that needs no server: searches, and a database that is away."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from shared.services import Services
from shared.settings import Settings
from testkit.serving import served_catalog
from tests.database.recording_driver import RecordingDriver
from tests.database.scripted_driver import ScriptedDriver, waking_up

type Start = Callable[..., httpx.Client]


@pytest.fixture
def start(valkey: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts an API on this driver; gives a client of it."""
    with ExitStack() as running:

        def start(driver: ScriptedDriver, **changes: Any) -> httpx.Client:
            monkeypatch.setitem(sys.modules, "pyodbc", driver)
            settings = Settings.model_validate(
                {
                    "azure_functions_environment": "Development",
                    "database_url": "mssql+pyodbc://sa:x@127.0.0.1:1433/catalog",
                    "redis_url": valkey,
                    **changes,
                }
            )
            return running.enter_context(served_catalog(Services(settings)))

        yield start


def test_pages_with_q_are_asked_of_the_full_text_index_and_never_cached(start: Start) -> None:
    driver = RecordingDriver()
    api = start(driver)
    for _ in range(2):
        reply = api.get("/api/products", params={"q": "Blue suitcase"})
        assert (reply.status_code, reply.headers["X-Cache"]) == (200, "BYPASS")
    searches = [told for told in driver.told if "contains(products.title, ?)" in told.statement]
    assert [told.parameters for told in searches] == [('"Blue"&"suitcase"',)] * 2
    assert api.get("/api/products").headers["X-Cache"] == "MISS"


def test_without_a_full_text_index_q_is_501_and_the_log_says_so(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    driver = RecordingDriver()
    driver.has_title_index = False
    api = start(driver)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            reply = api.get("/api/products", params={"q": "blue"})
            assert (reply.status_code, reply.headers["Content-Type"]) == (501, "application/problem+json")
    assert [record.message for record in caplog.records if "full-text" in record.message] == [
        "The database has no full-text index of the products' titles: requests with q get 501."
    ]
    assert api.get("/api/products").status_code == 200


def test_a_full_text_index_that_is_made_while_the_app_runs_is_used(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.catalog.title_search._LOOK_AGAIN_SECONDS", 0.0)
    driver = RecordingDriver()
    driver.has_title_index = False
    api = start(driver)
    assert api.get("/api/products", params={"q": "blue"}).status_code == 501
    driver.has_title_index = True
    assert api.get("/api/products", params={"q": "blue"}).status_code == 200


def test_health_says_that_sql_is_down_while_requests_go_on_trying(start: Start) -> None:
    driver = ScriptedDriver()
    driver.fails["connect"] = [waking_up() for _ in range(1000)]
    api = start(driver, database_statement_seconds=0.3, database_retry_seconds=60.0)
    started = time.monotonic()
    reply = api.get("/api/health/ready")
    assert (reply.status_code, reply.json()["parts"]["sql"]) == (503, "down")
    assert time.monotonic() - started < 4, "it went on trying"
