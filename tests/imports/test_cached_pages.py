"""When an import has succeeded, no page that it changed is stale, and pages of other categories are still hits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from shared.catalog import tags
from testkit import databases
from testkit.csv_files import categories, products
from tests.imports.cloud import App, Cloud

# Two asins of products(), in different buckets; the first one is in category 1.
CHANGED, UNTOUCHED = "B000000000", "B000000500"
PAGES_OF_CHANGED = (
    f"/api/products/{CHANGED}",
    "/api/products",
    "/api/products?category_id=1",
    "/api/products?category_id=1&sort=-price",
    *(() if databases.SERVER else ("/api/products?q=lamp&limit=1",)),  # never cached on Azure SQL
)
PAGES_OF_OTHERS = (
    f"/api/products/{UNTOUCHED}",
    "/api/products?category_id=2",
    "/api/products?category_id=2&min_price=1&include_total=true",
    "/api/categories",
)


def imported(app: App, cloud: Cloud, content: bytes) -> None:
    _blob, record = app.import_file(cloud, "lamps.csv", content)
    assert record["status"] == "succeeded"


def cached(api: httpx.Client, *pages: str) -> None:
    for page in pages:
        api.get(page)
        assert api.get(page).headers["X-Cache"] == "HIT", page


@contextmanager
def read_all_the_time(api: httpx.Client, page: str) -> Iterator[None]:
    """Two threads request the page all the time, so it is always in the cache."""
    over = threading.Event()

    def read() -> None:
        with httpx.Client(base_url=api.base_url, timeout=30) as client:
            while not over.is_set():
                assert client.get(page).status_code == 200

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        over.set()
        for reader in readers:
            reader.join()


def test_a_changed_product_is_fresh_on_each_page_and_other_categories_pages_are_hits(
    app: App, cloud: Cloud, api: httpx.Client
) -> None:
    assert tags.product(CHANGED) != tags.product(UNTOUCHED)
    imported(app, cloud, products(5, category=1))
    imported(app, cloud, products(5, first=500, category=2))
    cached(api, *PAGES_OF_CHANGED, *PAGES_OF_OTHERS)
    imported(app, cloud, products(1, price="99", category=1))
    for page in PAGES_OF_CHANGED:
        reply = api.get(page)
        shown = reply.json().get("items", [reply.json()])
        assert [item["price"] for item in shown if item["asin"] == CHANGED] in ([99.0], []), page
        assert reply.headers["X-Cache"] == "MISS", page
    for page in PAGES_OF_OTHERS:
        assert api.get(page).headers["X-Cache"] == "HIT", page


def test_an_unchanged_file_leaves_every_page_in_the_cache(app: App, cloud: Cloud, api: httpx.Client) -> None:
    imported(app, cloud, products(5, category=1))
    cached(api, *PAGES_OF_CHANGED, "/api/categories")
    imported(app, cloud, products(5, category=1))
    for page in (*PAGES_OF_CHANGED, "/api/categories"):
        assert api.get(page).headers["X-Cache"] == "HIT", page


def test_new_names_of_categories_are_fresh_and_lists_of_products_are_hits(
    app: App, cloud: Cloud, api: httpx.Client
) -> None:
    imported(app, cloud, products(5, category=1))
    cached(api, *PAGES_OF_CHANGED, "/api/categories")
    imported(app, cloud, categories(1))
    assert [item["name"] for item in api.get("/api/categories").json()["items"]] == ["Kind 1"]
    for page in PAGES_OF_CHANGED:
        assert api.get(page).headers["X-Cache"] == "HIT", page


def test_a_move_is_seen_in_both_categories_and_their_counts(app: App, cloud: Cloud, api: httpx.Client) -> None:
    imported(app, cloud, products(2, category=1))
    imported(app, cloud, products(1, first=500, category=2))
    lists = [f"/api/products?category_id={category}&include_total=true" for category in (1, 2)]
    cached(api, *lists, "/api/categories")
    imported(app, cloud, products(1, category=2))
    assert [api.get(page).json()["total"] for page in lists] == [1, 2]
    assert [item["product_count"] for item in api.get("/api/categories").json()["items"]] == [1, 2]


def test_a_page_that_is_read_all_the_time_is_fresh_once_each_import_has_succeeded(
    app: App, cloud: Cloud, api: httpx.Client
) -> None:
    imported(app, cloud, products(20))
    page = "/api/products?category_id=1"
    with read_all_the_time(api, page):
        for version in range(2, 8):
            imported(app, cloud, products(20, price=str(version)))
            assert {item["price"] for item in api.get(page).json()["items"]} == {float(version)}
