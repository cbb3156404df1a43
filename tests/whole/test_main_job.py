"""The main job: drop a CSV, query its products, insert a product, and see the change at once."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local import PROJECT
from testkit.csv_files import PRODUCTS
from testkit.local_cloud import LocalCloud
from testkit.processes import run_python

REAL = PROJECT.parent / "shared" / "data" / "real"
MONEY = {"price", "list_price", "stars"}


def expected(row: dict[str, str]) -> dict[str, Any]:
    """Reads a row of the CSV, independently of the import."""

    def or_none(text: str) -> float | None:
        return float(Decimal(text)) if text and Decimal(text) else None

    return {
        "asin": row["asin"],
        "title": row["title"],
        "image_url": row["imgUrl"] or None,
        "product_url": row["productURL"] or None,
        "stars": or_none(row["stars"]),
        "reviews": int(row["reviews"]),
        "price": or_none(row["price"]),
        "list_price": or_none(row["listPrice"]),
        "category_id": int(row["category_id"]),
        "is_best_seller": row["isBestSeller"] == "True",
        "bought_in_last_month": int(row["boughtInLastMonth"]),
    }


@pytest.mark.skipif(not REAL.exists(), reason="the real data isn't beside the project")
def test_every_field_of_every_real_row_is_in_the_api_as_the_file_has_it(cloud: LocalCloud) -> None:
    products = cloud.drop("real/amazon_products.csv", REAL / "amazon_products.csv")
    categories = cloud.drop("real/amazon_categories.csv", REAL / "amazon_categories.csv")
    with (REAL / "amazon_products.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["asin"]: expected(row) for row in csv.DictReader(file)}
    with (REAL / "amazon_categories.csv").open(newline="", encoding="utf-8") as file:
        names = {int(row["id"]): row["category_name"] for row in csv.DictReader(file)}
    assert (products["status"], products["kind"], products["rows_read"]) == ("succeeded", "products", len(rows))
    assert (products["rows_inserted"], products["rows_rejected"]) == (len(rows), 0)
    came = (categories["status"], categories["kind"], categories["rows_read"])
    assert came == ("succeeded", "categories", len(names))
    shown = {product["asin"]: product for product in cloud.products()}
    for asin, row in rows.items():
        product = shown[asin]
        assert {name: product[name] for name in row} == row
    listed = {item["id"]: item for item in cloud.api.get("/api/categories").json()["items"]}
    for category_id, name in names.items():
        assert listed[category_id]["name"] == name
        in_file = sum(row["category_id"] == category_id for row in rows.values())
        assert listed[category_id]["product_count"] == in_file


def test_every_field_of_100_000_generated_rows_is_in_the_table_as_the_file_has_it(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    run_python("-m", "local.dataset", "--rows", "100000", "--seed", "5", "--out", str(tmp_path)).check_returncode()
    record = cloud.drop("generated.csv", tmp_path / "amazon_products.csv")
    assert (record["status"], record["rows_read"], record["rows_rejected"]) == ("succeeded", 100_000, 0)
    with contextlib.closing(sqlite3.connect(str(cloud.database_url.database))) as connection:
        connection.row_factory = sqlite3.Row
        kept = {row["asin"]: row for row in connection.execute("SELECT * FROM products")}
        counted = dict(connection.execute("SELECT category_id, count(*) FROM products GROUP BY category_id"))
        counts = dict(connection.execute("SELECT category_id, product_count FROM categories WHERE product_count > 0"))
    assert counts == counted
    with (tmp_path / "amazon_products.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            product = kept[row["asin"]]
            for name, value in expected(row).items():
                exact = (
                    Decimal(product[name]).scaleb(-2) if name in MONEY and product[name] is not None else product[name]
                )
                assert exact == (Decimal(str(value)) if name in MONEY and value is not None else value), (row, name)


def test_an_inserted_product_is_seen_by_the_very_next_read_and_a_changed_file_changes_what_it_changes(
    cloud: LocalCloud,
) -> None:
    lines = [PRODUCTS, *(f"B7{number:08},Lamp {number},,,4.5,0,{number}.5,0,9001,False,0" for number in range(1, 51))]
    first = cloud.drop("lamps.csv", "\n".join(lines).encode())
    assert (first["status"], first["rows_inserted"]) == ("succeeded", 50)
    url = "/api/products?category_id=9001&include_total=true"
    replies = [cloud.api.get(url) for _ in range(2)]
    assert [reply.headers["X-Cache"] for reply in replies] == ["MISS", "HIT"]
    assert replies[0].content == replies[1].content
    new = {"asin": "B700000000", "title": "Lamp 0", "category_id": 9001, "price": 0.5}
    assert cloud.api.post("/api/products", json=new).status_code == 201
    after = cloud.api.get(url)
    shown = (after.headers["X-Cache"], after.json()["total"], after.json()["items"][0]["asin"])
    assert shown == ("MISS", 51, "B700000000")
    other = "/api/products?category_id=9002"
    cloud.api.get(other)
    lines[1] = lines[1].replace(",1.5,", ",1.25,")
    changed = cloud.drop("lamps.csv", "\n".join(lines).encode())
    counts = {name: changed[f"rows_{name}"] for name in ("read", "inserted", "updated", "unchanged", "rejected")}
    assert counts == {"read": 50, "inserted": 0, "updated": 1, "unchanged": 49, "rejected": 0}
    assert cloud.api.get("/api/products/B700000001").json()["price"] == 1.25
    assert cloud.api.get("/api/products/B700000002").json()["price"] == 2.5
    assert cloud.api.get(other).headers["X-Cache"] == "HIT"


@pytest.mark.parametrize(
    ("name", "content", "status", "sentence"),
    [
        ("other.csv", b"a,b\n1,2\n", "rejected", "got the header a,b"),
        ("header.csv", PRODUCTS.encode(), "succeeded", None),
        (
            "open.csv",
            f'{PRODUCTS}\nB800000001,"never closed,,,,0,,,1,False,0\n'.encode(),
            "failed",
            "can't be read to its end",
        ),
        ("bad.csv", "\n".join([PRODUCTS, *["b,x,,,,0,,,1,False,0"] * 1000]).encode(), "failed", "1,000"),
    ],
)
def test_a_wrong_file_loads_nothing_and_its_record_says_why(
    cloud: LocalCloud, name: str, content: bytes, status: str, sentence: str | None
) -> None:
    record = cloud.drop(name, content)
    assert record["status"] == status, record
    assert (record["message"] is None) == (sentence is None), record
    if sentence:
        assert sentence in record["message"]
    assert not record["rows_inserted"]
    good = f"{PRODUCTS}\nB800000009,Works,,,,0,{dt.datetime.now(dt.UTC).microsecond % 1000 + 1},,1,False,0\n"
    assert cloud.drop("good.csv", good.encode())["status"] == "succeeded"


def test_rejected_rows_are_downloaded_with_their_reasons(cloud: LocalCloud) -> None:
    rows = [
        "B900000001,Good,,,4.5,0,1,0,1,False,0",
        "B900000002,Bad price,,,4.5,0,N/A,0,1,False,0",
        ",No asin,,,4.5,0,1,0,1,False,0",
        'B900000003,"Too, many",,,4.5,0,1,0,1,False,0,surplus',
        "B900000004,Good,,,4.5,0,1,0,1,False,0",
        "B900000005,Good,,,4.5,0,1,0,1,False,0",
        "B900000006,Good,,,4.5,0,1,0,1,False,0",
    ]
    record = cloud.drop("rejects.csv", "\n".join([PRODUCTS, *rows]).encode())
    assert (record["status"], record["rows_read"], record["rows_inserted"], record["rows_rejected"]) == (
        "succeeded", 7, 4, 3,
    )  # fmt: skip
    reply = cloud.api.get(f"/api/imports/{record['import_id']}/rejects")
    assert reply.headers["Content-Type"].startswith("text/csv")
    read = list(csv.reader(reply.text.splitlines()))
    assert read[0] == ["reason", *PRODUCTS.split(",")]
    assert [line[0] for line in read[1:]] == [
        'price: not a number: "N/A"',
        "asin: empty",
        "too many columns: expected 11",
    ]
    assert read[3][1:] == ["B900000003", "Too, many", "", "", "4.5", "0", "1", "0", "1", "False", "0", "surplus"]


def test_a_file_of_another_name_is_left_alone(cloud: LocalCloud, tmp_path: Path) -> None:
    note = tmp_path / "notes.txt"
    note.write_text("not a CSV")
    before = len(list(cloud.records()))
    cloud.upload("notes.txt", note)
    cloud.drop("after-notes.csv", f"{PRODUCTS}\n".encode())
    assert len(list(cloud.records())) == before + 1
