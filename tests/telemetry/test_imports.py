"""An import in the posted telemetry, from the blob's event to its end."""

from __future__ import annotations

from typing import Any

from testkit.csv_files import categories, products
from testkit.ingestion import Item, dimensions, name_of, parent_of, trace_of
from tests.telemetry.conftest import Watched


def items_of_import(watched: Watched, import_id: str, last: str) -> list[Item]:
    """Everything that was posted of an import; waits for the step that led to its last state."""

    def look() -> list[Item] | None:
        items = [item for item in list(watched.posted.items) if dimensions(item).get("catalog.import_id") == import_id]
        steps = {item["data"]["baseData"]["id"] for item in items if name_of(item) == "advance_import"}
        ends = [item for item in items if dimensions(item).get("catalog.import_status") == last]
        return items if any(parent_of(item) in steps for item in ends) else None

    return watched.posted.wait_for(look)


def test_an_import_id_finds_the_blobs_event_the_run_and_the_invalidation(watched: Watched) -> None:
    watched.cloud.drop("story-categories.csv", categories(3))
    record = watched.cloud.drop("story.csv", products(5))
    assert record["status"] == "succeeded"
    items = items_of_import(watched, record["import_id"], "succeeded")
    states = [
        dimensions(item)["catalog.import_status"] for item in items if "catalog.import_status" in dimensions(item)
    ]
    assert states == ["received", "running", "succeeded"]
    started = [item for item in items if dimensions(item).get("catalog.operation") == "start_import"]
    calls = {name_of(item) for item in started}
    assert any("createRun" in name for name in calls)
    # The blob's event and everything below it is one trace.
    (trace,) = {trace_of(item) for item in started}
    (event,) = [item for item in watched.posted.of("requests", name="start_import") if trace_of(item) == trace]
    assert event["data"]["baseData"]["success"]
    followed = [item for item in items if dimensions(item).get("catalog.run_id") == record["run_id"]]
    assert any(item["data"]["baseData"].get("type") == "redis" for item in followed)
    assert any(item["data"]["baseData"].get("type") == "SQL" for item in followed)


def test_a_failed_import_is_a_failed_span_and_a_warning(watched: Watched) -> None:
    record = watched.cloud.drop("bad-story.csv", products(5, price="x"))
    assert record["status"] == "failed"
    items = items_of_import(watched, record["import_id"], "failed")
    (line,) = [item for item in items if dimensions(item).get("catalog.import_status") == "failed"]
    assert line["data"]["baseData"]["severityLevel"] == 2  # a warning
    failed = [item for item in items if item["data"]["baseData"].get("success") is False]
    assert [name_of(item) for item in failed] == ["advance_import"]
    counted = watched.posted.wait_for(
        lambda: [
            item
            for item in watched.posted.of("customMetrics")
            if name_of(item) == "catalog.imports"
            and dimensions(item) == {"catalog.import_kind": "products", "catalog.import_status": "failed"}
        ]
    )
    assert sum(item["data"]["baseData"]["metrics"][0]["value"] for item in counted) >= 1


def test_each_state_of_an_import_is_one_log_line(watched: Watched) -> None:
    rejected = watched.cloud.drop("no-story.csv", b"one,two\n")
    assert rejected["status"] == "rejected"
    first = watched.cloud.drop("told-twice.csv", products(5, price="x"))
    assert watched.cloud.api.post(f"/api/imports/{first['import_id']}/retry").status_code == 202

    def lines(record: dict[str, Any]) -> list[str]:
        items = [item for item in watched.posted.of("traces") if "catalog.import_status" in dimensions(item)]
        items.sort(key=lambda item: str(item["time"]))
        return [
            dimensions(item)["catalog.import_status"]
            for item in items
            if dimensions(item)["catalog.import_id"] == record["import_id"]
        ]

    watched.posted.wait_for(lambda: lines(first).count("failed") == 2)
    assert lines(first) == ["received", "running", "failed"] * 2
    assert lines(rejected) == ["rejected"]
