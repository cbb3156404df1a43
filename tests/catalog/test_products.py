"""Products and categories: the effects of writes, and the writes that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

type Insert = Callable[..., dict[str, Any]]


def test_an_insert_returns_the_product_as_get_does(api: httpx.Client, insert: Insert) -> None:
    inserted = insert(
        asin="0735372888",
        title="  Tab\there, \r\n line, emoji 🧸 and 'quotes' -- ; %_[  ",
        image_url="https://example.org/a b.jpg?x=1&y=ü",
        product_url="HTTP://example.org",
        stars=4.5,
        reviews=2_147_483_647,
        price=99_999_999.99,
        list_price=0,
        is_best_seller=True,
        bought_in_last_month=50,
    )
    assert api.get("/api/products/0735372888").json() == inserted
    assert inserted["title"] == "  Tab\there, \r\n line, emoji 🧸 and 'quotes' -- ; %_[  "
    assert (inserted["price"], inserted["list_price"], inserted["stars"]) == (99_999_999.99, 0, 4.5)
    assert inserted["created_at"] == inserted["updated_at"]
    assert len(inserted["created_at"]) == len("2026-11-24T08:20:32.000000Z")


def test_a_field_that_is_not_given_is_null_zero_or_false(insert: Insert) -> None:
    product = insert()
    assert {
        name: product[name] for name in ("image_url", "product_url", "stars", "price", "list_price")
    } == dict.fromkeys(("image_url", "product_url", "stars", "price", "list_price"))
    assert (product["reviews"], product["is_best_seller"], product["bought_in_last_month"]) == (0, False, 0)


@pytest.mark.parametrize("price", ["0.1", "0.2", "0.30", "19.990", "1e2", "99999999.99", "0", "-0.0"])
def test_money_is_stored_exactly(api: httpx.Client, insert: Insert, price: str) -> None:
    insert()
    reply = api.patch(
        "/api/products/B000000001", content=f'{{"price": {price}}}', headers={"Content-Type": "application/json"}
    )
    assert reply.status_code == 200, reply.text
    assert reply.json()["price"] == abs(float(price))


def test_the_location_of_an_insert_does_not_depend_on_the_host_header(api: httpx.Client, insert: Insert) -> None:
    insert()
    reply = api.post(
        "/api/products",
        json={"asin": "B000000002", "title": "x", "category_id": 1},
        headers={"Host": "evil.example"},
    )
    assert reply.headers["Location"] == "/api/products/B000000002"


def test_an_unknown_category_is_named_and_nothing_is_inserted(api: httpx.Client) -> None:
    reply = api.post("/api/products", json={"asin": "B000000001", "title": "x", "category_id": 7})
    assert reply.status_code == 422
    assert reply.json()["errors"] == [{"loc": ["body", "category_id"], "msg": "expected the id of a category, got 7"}]
    assert api.get("/api/products/B000000001").status_code == 404


def test_a_batch_of_1000_is_inserted(api: httpx.Client, insert: Insert) -> None:
    insert()
    items = [{"asin": f"B1{number:08}", "title": "x", "category_id": 1} for number in range(1000)]
    reply = api.post("/api/products/batch", json={"items": items})
    assert (reply.status_code, reply.json()) == (201, {"inserted": 1000})
    assert api.get("/api/products", params={"include_total": "true"}).json()["total"] == 1001


@pytest.mark.parametrize(
    ("spoilt", "status", "loc"),
    [
        ({"asin": "B000000001"}, 409, None),
        ({"asin": "B100000000"}, 422, ["body", "items", 3, "asin"]),
        ({"category_id": 9}, 422, ["body", "items", 3, "category_id"]),
        ({"price": 1.999}, 422, ["body", "items", 3, "price"]),
    ],
)
def test_a_batch_with_one_bad_product_inserts_nothing(
    api: httpx.Client, insert: Insert, spoilt: dict[str, Any], status: int, loc: list[Any] | None
) -> None:
    insert()
    items: list[dict[str, Any]] = [{"asin": f"B1{number:08}", "title": "x", "category_id": 1} for number in range(5)]
    items[3] |= spoilt
    reply = api.post("/api/products/batch", json={"items": items})
    assert reply.status_code == status, reply.text
    if loc:
        assert [error["loc"] for error in reply.json()["errors"]] == [loc]
    assert api.get("/api/products", params={"include_total": "true"}).json()["total"] == 1


def test_a_patch_changes_only_the_given_fields(api: httpx.Client, insert: Insert) -> None:
    before = insert(price=10, list_price=12)
    after = api.patch("/api/products/B000000001", json={"price": 9.5, "list_price": None}).json()
    assert after == {**before, "price": 9.5, "list_price": None, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize("patch", [{}, {"title": "A toy", "price": None}])
def test_a_patch_that_changes_nothing_leaves_updated_at(
    api: httpx.Client, insert: Insert, patch: dict[str, Any]
) -> None:
    before = insert()
    reply = api.patch("/api/products/B000000001", json=patch)
    assert (reply.status_code, reply.json()) == (200, before)


@pytest.mark.parametrize(
    "field", ["title", "reviews", "category_id", "is_best_seller", "bought_in_last_month", "asin", "created_at"]
)
def test_null_is_refused_where_a_field_may_not_be_null(api: httpx.Client, insert: Insert, field: str) -> None:
    insert()
    reply = api.patch("/api/products/B000000001", json={field: None})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["loc"] == ["body", field]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_if_match_refuses_a_change_of_another_version(api: httpx.Client, insert: Insert, method: str) -> None:
    insert()
    old = api.get("/api/products/B000000001").headers["ETag"]
    api.patch("/api/products/B000000001", json={"price": 1})
    refused = api.request(method, "/api/products/B000000001", json={"price": 2}, headers={"If-Match": old})
    assert refused.status_code == 412
    assert api.get("/api/products/B000000001").json()["price"] == 1
    current = api.get("/api/products/B000000001").headers["ETag"]
    taken = api.request(method, "/api/products/B000000001", json={"price": 2}, headers={"If-Match": f'"x", {current}'})
    assert taken.status_code in {200, 204}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_asin_is_not_found(api: httpx.Client, method: str) -> None:
    reply = api.request(method, "/api/products/B0NOTHERE0", json={} if method == "PATCH" else None)
    assert reply.status_code == 404
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_deleted_product_is_gone_and_no_longer_counted(api: httpx.Client, insert: Insert) -> None:
    insert()
    assert api.delete("/api/products/B000000001").status_code == 204
    assert api.get("/api/products/B000000001").status_code == 404
    assert api.get("/api/categories").json()["items"][0]["product_count"] == 0


def test_a_category_is_inserted_renamed_and_found_by_its_location(api: httpx.Client) -> None:
    reply = api.post("/api/categories", json={"id": 104, "name": "Suitcases"})
    assert (reply.status_code, reply.headers["Location"]) == (201, "/api/products?category_id=104")
    assert api.get(reply.headers["Location"]).json() == {"items": [], "next_cursor": None, "total": None}
    assert api.post("/api/categories", json={"id": 104, "name": "Bags"}).status_code == 409
    assert api.patch("/api/categories/104", json={"name": "Bags"}).json()["name"] == "Bags"
    assert api.get("/api/categories").json() == {"items": [{"id": 104, "name": "Bags", "product_count": 0}]}
    assert api.patch("/api/categories/105", json={"name": "x"}).status_code == 404
