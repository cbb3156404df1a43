"""Lists: pages of each sort have each row once and in order, and every page is a seek."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from shared.catalog.schemas import SORTS, ProductQuery
from shared.http.cursors import encode_cursor
from shared.services import Services
from testkit.serving import catalog_settings, served_catalog


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Services:
    return Services(catalog_settings(tmp_path_factory.mktemp("paging"), valkey))


@pytest.fixture(scope="module")
def api(services: Services) -> Iterator[httpx.Client]:
    with served_catalog(services) as client:
        yield client


@pytest.fixture(scope="module")
def products(api: httpx.Client) -> list[dict[str, Any]]:
    """300 products in three categories, with many ties and nulls."""
    draw = random.Random(7)
    for category_id in (1, 2, 3):
        api.post("/api/categories", json={"id": category_id, "name": f"Category {category_id}"})
    items = [
        {
            "asin": f"B{number:09}",
            "title": f"Toy {number}",
            "category_id": draw.choice((1, 1, 2, 3)),
            "price": draw.choice((None, 0, 9.99, 9.99, 19.95, round(draw.uniform(1, 99), 2))),
            "stars": draw.choice((None, 4.4, 4.5, 4.6)),
            "reviews": draw.choice((0, 0, 0, 7, draw.randrange(100))),
            "bought_in_last_month": draw.choice((0, 0, 50, 100)),
            "is_best_seller": draw.random() < 0.1,
        }
        for number in draw.sample(range(10**9), 300)
    ]
    assert api.post("/api/products/batch", json={"items": items}).status_code == 201
    return items


def walk(api: httpx.Client, **query: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        params = {name: value for name, value in {**query, "cursor": cursor}.items() if value is not None}
        reply = api.get("/api/products", params=params)
        assert reply.status_code == 200, reply.text
        page = reply.json()
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def in_order(products: list[dict[str, Any]], sort: str) -> list[str]:
    """The order that the API promises: nulls last in both directions, ties by asin."""
    name = sort.removeprefix("-")
    if name == "asin":
        return sorted((product["asin"] for product in products), reverse=sort.startswith("-"))
    sign = -1 if sort.startswith("-") else 1

    def key(product: dict[str, Any]) -> tuple[bool, float, str]:
        value = product[name]
        return (value is None, sign * value if value is not None else 0, product["asin"])

    return [product["asin"] for product in sorted(products, key=key)]


@pytest.mark.parametrize("limit", [7, 100])
@pytest.mark.parametrize("category_id", [None, 1])
@pytest.mark.parametrize("sort", SORTS)
def test_the_pages_of_each_sort_have_each_row_once_and_in_order(
    api: httpx.Client, products: list[dict[str, Any]], sort: str, category_id: int | None, limit: int
) -> None:
    expected = in_order([p for p in products if category_id in {None, p["category_id"]}], sort)
    assert [p["asin"] for p in walk(api, sort=sort, category_id=category_id, limit=limit)] == expected


@pytest.mark.parametrize(
    "filters",
    [
        {"min_price": "9.99", "max_price": "19.95"},
        {"min_stars": "4.5", "sort": "-stars"},
        {"best_seller": "true", "sort": "-price"},
        {"best_seller": "false", "min_price": "0", "category_id": "2", "sort": "price"},
    ],
)
def test_filters_are_inclusive_exclude_nulls_and_are_counted(
    api: httpx.Client, products: list[dict[str, Any]], filters: dict[str, str]
) -> None:
    def shown(product: dict[str, Any]) -> bool:
        price, stars = product["price"], product["stars"]
        return (
            ("min_price" not in filters or (price is not None and price >= float(filters["min_price"])))
            and ("max_price" not in filters or (price is not None and price <= float(filters["max_price"])))
            and ("min_stars" not in filters or (stars is not None and stars >= float(filters["min_stars"])))
            and ("best_seller" not in filters or product["is_best_seller"] == (filters["best_seller"] == "true"))
            and ("category_id" not in filters or product["category_id"] == int(filters["category_id"]))
        )

    expected = in_order([product for product in products if shown(product)], filters.get("sort", "asin"))
    assert [product["asin"] for product in walk(api, **filters, limit=13)] == expected
    total = api.get("/api/products", params={**filters, "include_total": "true"}).json()["total"]
    assert total == len(expected)


def test_inserts_between_pages_repeat_no_row_and_skip_none(api: httpx.Client, products: list[dict[str, Any]]) -> None:
    seen = []
    for number, product in enumerate(walk(api, sort="-price", limit=10)):
        seen.append(product["asin"])
        if number % 10 == 0:
            new = {"asin": f"A{number:09}", "title": "new", "category_id": 1, "price": number}
            assert api.post("/api/products", json=new).status_code == 201
    for asin in {f"A{number:09}" for number in range(0, len(seen), 10)}:
        api.delete(f"/api/products/{asin}")
    old = [asin for asin in seen if asin.startswith("B")]
    assert old == in_order(products, "-price")
    assert len(set(seen)) == len(seen)


def test_a_full_last_page_has_no_cursor(api: httpx.Client, products: list[dict[str, Any]]) -> None:
    pages = list(itertools.batched(walk(api, limit=100), 100, strict=False))
    assert [len(page) for page in pages] == [100, 100, 100]
    assert len(products) == 300


@pytest.mark.usefixtures("products")
def test_a_cursor_is_accepted_for_its_own_list_only(api: httpx.Client) -> None:
    first: dict[str, Any] = {"sort": "price", "min_price": "1.0", "limit": 5}
    cursor = api.get("/api/products", params=first).json()["next_cursor"]
    same: list[dict[str, Any]] = [{"limit": 9}, {"include_total": "true"}, {"min_price": "1"}, {"min_price": "1.00"}]
    other: list[dict[str, Any]] = [
        {"sort": "-price"},
        {"min_price": "1.01"},
        {"category_id": 1},
        {"best_seller": "true"},
        {"q": "toy"},
    ]
    for change in same:
        assert api.get("/api/products", params={**first, "cursor": cursor, **change}).status_code == 200
    for change in other:
        reply = api.get("/api/products", params={**first, "cursor": cursor, **change})
        assert (reply.status_code, reply.json()["title"]) == (400, "Bad Request"), change


@pytest.mark.usefixtures("products")
def test_a_cursor_with_any_character_changed_is_refused(api: httpx.Client) -> None:
    cursor = api.get("/api/products", params={"limit": 1}).json()["next_cursor"]
    damaged = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]
    for text in [*damaged, cursor[:-1], cursor + "A", cursor + "=", "", "%", "é", "x" * 5000]:
        assert api.get("/api/products", params={"cursor": text}).status_code == 400, text


@pytest.mark.sqlite_only
@pytest.mark.parametrize("category_id", [None, 1])
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.usefixtures("products")
def test_every_page_is_a_seek_without_a_scan_or_a_sort(
    api: httpx.Client, services: Services, sort: str, category_id: int | None
) -> None:
    """Reads the plans of all statements of all pages after the first, which include pages among the nulls."""
    query: dict[str, Any] = {"sort": sort, "limit": 50, **({"category_id": category_id} if category_id else {})}
    cursors = [None]
    while cursors[-1] is not None or len(cursors) == 1:
        page = api.get("/api/products", params={**query, **({"cursor": cursors[-1]} if cursors[-1] else {})}).json()
        cursors.append(page["next_cursor"])
    statements: list[tuple[str, Any]] = []
    engine = services.database.catalog.engine

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM products" in statement:
            statements.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    for cursor in cursors[1:-1]:
        httpx.get(api.base_url.join("/api/products"), params={**query, "cursor": cursor, "include_total": "true"})
    sa.event.remove(engine, "before_cursor_execute", note)
    assert statements
    for statement, parameters in statements:
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        details = [row.detail for row in plan]
        assert all(detail.startswith("SEARCH products USING INDEX") for detail in details), (statement, details)


def test_equal_lists_have_the_same_normal_form() -> None:
    def shows(**query: Any) -> str:
        return ProductQuery.model_validate(query).shows

    assert shows(min_price="1", limit="20") == shows(min_price="1.00")
    assert shows(q="blue  SUITCASE") == shows(q="SUITCASE, blue!")
    assert shows(sort="price") != shows(sort="-price")


@pytest.mark.parametrize(
    ("sort", "position"),
    [
        *itertools.product(("price", "asin"), (None, 7, "x", {}, [], [1], [1, "B000000001", 2], ["x", "B000000001"])),
        ("price", [True, "B000000001"]),
        ("price", [1.5, "B000000001"]),
        ("price", [1, None]),
        ("price", [[1], "B000000001"]),
        ("asin", [None, 1]),
        ("reviews", [None, "B000000001"]),
    ],
)
def test_a_forged_cursor_of_another_shape_or_type_is_refused(api: httpx.Client, sort: str, position: Any) -> None:
    cursor = encode_cursor(position, ProductQuery(sort=sort).filters)
    assert api.get("/api/products", params={"sort": sort, "cursor": cursor}).status_code == 400
