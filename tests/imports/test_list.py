"""The list of imports: every uploaded file, newest first, page by page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from testkit.csv_files import products
from tests.imports.cloud import App, Cloud, problem_of

FIELDS = {
    "import_id", "blob_name", "kind", "status", "message", "rows_read", "rows_inserted", "rows_updated",
    "rows_unchanged", "rows_superseded", "rows_rejected", "rows_per_second", "progress", "seconds_left", "steps",
    "run_id", "uploaded_by", "received_at", "started_at", "finished_at",
}  # fmt: skip


def pages(api: httpx.Client, limit: int) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/api/imports", params={"limit": limit, **cursor}).json()
        found.append(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
def seven(app: App, cloud: Cloud) -> list[str]:
    """Seven rejected files, oldest first."""
    names = [f"{number}.csv" for number in range(7)]
    for name in names:
        cloud.put(name, b"a,b\n")
        app.receive(cloud, name)
    return names


def test_an_empty_list_is_a_page(api: httpx.Client) -> None:
    assert api.get("/api/imports").json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_each_import_is_on_one_page_newest_first(api: httpx.Client, seven: list[str], limit: int) -> None:
    found = pages(api, limit)
    assert [item["blob_name"] for page in found for item in page] == seven[::-1]
    assert {len(page) for page in found[:-1]} <= {limit}
    assert found[-1] != []


def test_an_import_that_lands_meanwhile_moves_no_other(
    api: httpx.Client, app: App, cloud: Cloud, seven: list[str]
) -> None:
    first = api.get("/api/imports?limit=3").json()
    cloud.put("new.csv", b"a,b\n")
    app.receive(cloud, "new.csv")
    second = api.get("/api/imports", params={"limit": 4, "cursor": first["next_cursor"]}).json()
    assert [item["blob_name"] for item in first["items"] + second["items"]] == seven[::-1]
    assert second["next_cursor"] is None


def test_a_damaged_cursor_and_another_lists_are_400(api: httpx.Client, seven: list[str]) -> None:
    cursor = api.get("/api/imports?limit=3").json()["next_cursor"]
    assert seven
    for wrong in (cursor[:-2], cursor[1:], "x", "é", ""):
        problem_of(api.get("/api/imports", params={"cursor": wrong}), 400)
    problem_of(api.get("/api/products", params={"cursor": cursor}), 400)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1.5", "limit=1&limit=2", "status=failed"])
def test_a_query_that_is_not_documented_is_422(api: httpx.Client, query: str) -> None:
    problem_of(api.get(f"/api/imports?{query}"), 422)


def test_a_record_has_the_documented_fields(api: httpx.Client, app: App, cloud: Cloud) -> None:
    blob = app.upload(cloud, "lamps.csv", products(5))
    app.end(cloud, blob)
    (listed,) = api.get("/api/imports").json()["items"]
    record = api.get(f"/api/imports/{blob.import_id}").json()
    assert listed == record
    assert set(record) == FIELDS
    assert [step["name"] for step in record["steps"]] == ["CopyToStaging", "Merge"]
    assert record["progress"] == 1
    assert record["rows_per_second"] > 0
    for name in ("received_at", "started_at", "finished_at"):
        assert len(record[name]) == len("2026-11-24T08:20:32.000000Z")
        assert record[name].endswith("Z")
    assert record["received_at"] <= record["started_at"] <= record["finished_at"]
    schema = api.get("/api/openapi.json").json()["components"]["schemas"]["ImportRecord"]
    assert set(schema["properties"]) == FIELDS
    assert {name for name, value in record.items() if value is not None} <= set(schema["example"]) <= FIELDS


@pytest.mark.parametrize("import_id", ["x", "6F0C2B1E-0F3C-5A53-9A3F-0D4D0B1F6A11", "6f0c2b1e0f3c5a539a3f0d4d0b1f6a11"])
def test_an_id_that_is_no_uuid_of_ours_is_422(api: httpx.Client, import_id: str) -> None:
    for method, path in (("GET", ""), ("GET", "/rejects"), ("POST", "/cancel"), ("POST", "/retry")):
        problem_of(api.request(method, f"/api/imports/{import_id}{path}"), 422)
