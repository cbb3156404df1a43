"""The rejected rows as CSV: the reasons, the fields as they came, the first 10,000 rows, for 90 days."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import httpx
import pytest
import sqlalchemy as sa

from shared.imports.rejects import SessionLogs
from shared.imports.storage import ImportStorage
from shared.imports.tables import import_records, import_rejects
from testkit.csv_files import CATEGORIES, PRODUCTS, products
from tests.imports.cloud import App, Blob, Cloud

LOG_HEADER = "Timestamp,Level,OperationName,OperationItem,Message\n"


def rejects(api: httpx.Client, blob: Blob) -> list[list[str]]:
    reply = api.get(f"/api/imports/{blob.import_id}/rejects")
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{blob.import_id}.rejects.csv"'
    return list(csv.reader(io.StringIO(reply.text, newline="")))


def log_line(fields: list[str], expected: int) -> str:
    """A line of Data Factory's session log, as its documentation shows one."""
    row = ", ".join('"' + field.replace('"', '""') + '"' for field in fields)
    line = io.StringIO()
    found = f"found more columns than expected column count {expected}."
    message = f"Error found when processing source 'x.csv' with row number 2: {found}"
    csv.writer(line, lineterminator="\n").writerow(["2026-01-01 00:00:00", "Warning", "TabularRowSkip", row, message])
    return line.getvalue()


def put_log(cloud: Cloud, import_id: str, attempt: str, content: str) -> None:
    name = f"{import_id}/copyactivity-logs/CopyToStaging/{attempt}/0.csv"
    cloud.storage.get_blob_client("imports-rejects", name).upload_blob(content.encode())


def test_the_rows_of_the_merge_come_first_then_those_with_too_many_columns(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    rows = [
        "1,Toys",
        '3,"Books, ""old""\r\nand new",surplus',
        "x,Games",
        "4,Lamps",
        '"=1+1","a ""quoted"" name\nof two lines"',
        "5",
        "6,Chairs",
        "7,Desks",
    ]
    blob, record = app.import_file(cloud, "kinds.csv", "\n".join([CATEGORIES, *rows]).encode())
    assert (record["status"], record["rows_read"], record["rows_rejected"]) == ("succeeded", 8, 4)
    assert rejects(api, blob) == [
        ["reason", "id", "category_name"],
        ['id: not a number: "x"', "x", "Games"],
        ['id: not a number: "=1+1"', "=1+1", 'a "quoted" name\nof two lines'],
        ["category_name: empty", "5", ""],
        ["too many columns: expected 2", "3", 'Books, "old"\r\nand new', "surplus"],
    ]


def test_an_import_without_rejects_and_one_that_was_not_recognised_give_the_header(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    good, wrong = cloud.put("good.csv", products(1)), cloud.put("wrong.csv", b"a,b\n")
    app.receive(cloud, good.name, wrong.name)
    app.end(cloud, good, wrong)
    assert rejects(api, good) == [["reason", *PRODUCTS.split(",")]]
    assert rejects(api, wrong) == [["reason"]]


@pytest.mark.parametrize(("merged", "skipped"), [(10_001, 5), (9_998, 5), (0, 10_001)])
def test_the_first_10_000_are_given(app: App, api: httpx.Client, cloud: Cloud, merged: int, skipped: int) -> None:
    blob = app.upload(cloud, "wrong.csv", b"a,b\n")
    reject = {"import_id": blob.import_id, "reason": "id: empty"}
    if merged:
        rows = [reject | {"row_no": n, "fields": f'["", "n{n}"]'} for n in range(merged)]
        cloud.rows.change(sa.insert(import_rejects), *rows)
    put_log(cloud, blob.import_id, "a", LOG_HEADER + "".join(log_line([str(n), "x", "y"], 2) for n in range(skipped)))
    given = rejects(api, blob)[1:]
    assert len(given) == 10_000
    assert [row[2] for row in given[:merged]] == [f"n{n}" for n in range(min(merged, 10_000))]
    assert [row[1] for row in given[merged:]] == [str(n) for n in range(10_000 - min(merged, 10_000))]


def test_a_copy_that_was_tried_again_counts_once(app: App, api: httpx.Client, cloud: Cloud) -> None:
    blob = app.upload(cloud, "wrong.csv", b"a,b\n")
    lines = [log_line([str(n), "x", "y"], 2) for n in range(4)]
    put_log(cloud, blob.import_id, "cut-short", LOG_HEADER + "".join(lines[:2]))
    put_log(cloud, blob.import_id, "whole", LOG_HEADER + "".join(lines))
    put_log(cloud, "00000000-0000-0000-0000-000000000000", "another", LOG_HEADER + "".join(lines) * 2)
    assert [row[1] for row in rejects(api, blob)[1:]] == ["0", "1", "2", "3"]


def test_a_long_field_is_given_whole(app: App, api: httpx.Client, cloud: Cloud) -> None:
    long = "long " * 100_000
    blob = app.upload(cloud, "wrong.csv", b"a,b\n")
    put_log(cloud, blob.import_id, "a", LOG_HEADER + log_line(["1", long, "y"], 2))
    assert rejects(api, blob)[1] == ["too many columns: expected 2", "1", long, "y"]


def test_rejects_are_kept_for_90_days_and_those_of_younger_imports_longer(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    content = f"{CATEGORIES}\nx,Games\n1,Toys\n2,Books\n".encode()
    old, young = cloud.put("old.csv", content), cloud.put("young.csv", content)
    app.receive(cloud, old.name, young.name)
    app.end(cloud, old, young)
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=91)
    cloud.rows.change(sa.update(import_records).values(received_at=then))
    of_old = import_records.c.blob_name == "old.csv"
    cloud.rows.change(sa.update(import_records).where(of_old).values(finished_at=then))
    app.reconcile()
    assert rejects(api, old) == [["reason", "id", "category_name"]]
    assert len(rejects(api, young)) == 2
    assert cloud.record(old.import_id)["rows_rejected"] == 1


def test_logs_are_dropped_page_by_page_once_they_are_old_enough(cloud: Cloud, app: App) -> None:
    for number in range(3):
        put_log(cloud, f"import-{number}", "a", LOG_HEADER)
    logs = SessionLogs(ImportStorage(app.services.settings))
    assert logs.delete_older(dt.datetime.now(dt.UTC) - dt.timedelta(days=90), None) is None
    assert len(cloud.blobs("imports-rejects")) == 3
    assert logs.delete_older(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5), None) is None
    assert cloud.blobs("imports-rejects") == []


def test_fields_of_the_table_are_a_json_list(app: App, cloud: Cloud) -> None:
    """The merge writes what list_rejects reads."""
    blob = app.upload(cloud, "kinds.csv", f"{CATEGORIES}\n,x\n1,Toys\n2,y\n".encode())
    app.end(cloud, blob)
    (row,) = cloud.rows.read(sa.select(import_rejects.c.fields))
    assert json.loads(row["fields"]) == ["", "x"]
