"""`q` on a server with full-text search: the queries that give the same products as on SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from shared.services import Services
from testkit.databases import NEEDS_SQL_SERVER
from testkit.serving import catalog_settings, served_catalog
from tests.catalog.test_title_words import TITLES, found

pytestmark = pytest.mark.sql_server

DEADLINE_SECONDS = 90.0


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[httpx.Client]:
    """One API with all titles, when its index is filled."""
    with served_catalog(Services(catalog_settings(tmp_path_factory.mktemp("titles"), valkey))) as client:
        if client.get("/api/products", params={"q": "blue"}).status_code == 501:
            pytest.skip(f"{NEEDS_SQL_SERVER}, with full-text search")
        client.post("/api/categories", json={"id": 1, "name": "Things"})
        items = [{"asin": asin, "title": title, "category_id": 1} for asin, title in TITLES.items()]
        assert client.post("/api/products/batch", json={"items": items}).status_code == 201
        deadline = time.monotonic() + DEADLINE_SECONDS
        while found(client, "cafe") != {"1", "6"}:
            assert time.monotonic() < deadline, "the index was not filled in time"
        yield client


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("BLUE suitcase", "2"),
        ("Café", "16"),
        ("suitcases", "3"),
        ("suit", ""),
        ("the", "2"),
        ("NOT blue", "3"),
        ("AND", "3"),
        ("NEAR(blue bags)", "3"),
        ("blue*", "123"),
        ("blue' OR 1=1 --", ""),
        ("zurich naive", "4"),
        ("синий", "5"),
    ],
)
def test_each_word_must_be_a_whole_word_of_the_title(api: httpx.Client, q: str, expected: str) -> None:
    assert found(api, q) == set(expected)


def test_pages_with_q_are_not_cached(api: httpx.Client) -> None:
    assert api.get("/api/products", params={"q": "blue"}).headers["X-Cache"] == "BYPASS"
