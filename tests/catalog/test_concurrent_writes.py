"""Concurrent writes of the same rows have the outcome of some sequence of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

WRITERS = 50


@pytest.fixture
def at_once(api: httpx.Client) -> Iterator[Callable[..., Counter[int]]]:
    """Sends requests at once, each on its own connection, and counts the statuses."""
    with ThreadPoolExecutor(WRITERS) as pool:

        def at_once(requests: list[tuple[str, str, dict[str, Any]]]) -> Counter[int]:
            def send(request: tuple[str, str, dict[str, Any]]) -> int:
                method, path, options = request
                return httpx.request(method, api.base_url.join(path), timeout=60, **options).status_code

            return Counter(pool.map(send, requests))

        yield at_once


def toy(**fields: Any) -> dict[str, Any]:
    return {"json": {"asin": "B000000001", "title": "A toy", "category_id": 1, **fields}}


def count(api: httpx.Client) -> dict[int, int]:
    return {item["id"]: item["product_count"] for item in api.get("/api/categories").json()["items"]}


@pytest.fixture(autouse=True)
def _categories(api: httpx.Client) -> None:
    for category_id in (1, 2):
        assert api.post("/api/categories", json={"id": category_id, "name": "Toys"}).status_code == 201


def test_exactly_one_of_many_inserts_of_one_asin_succeeds(
    api: httpx.Client, at_once: Callable[..., Counter[int]]
) -> None:
    requests = [("POST", "/api/products", toy(title=f"Toy {number}")) for number in range(WRITERS)]
    assert at_once(requests) == {201: 1, 409: WRITERS - 1}
    assert count(api) == {1: 1, 2: 0}


def test_all_inserts_of_different_asins_succeed_and_are_counted(
    api: httpx.Client, at_once: Callable[..., Counter[int]]
) -> None:
    requests = [
        ("POST", "/api/products", toy(asin=f"B{number:09}", category_id=1 + number % 2)) for number in range(WRITERS)
    ]
    assert at_once(requests) == {201: WRITERS}
    assert count(api) == {1: WRITERS // 2, 2: WRITERS // 2}


def test_exactly_one_of_many_changes_with_the_same_if_match_succeeds(
    api: httpx.Client, at_once: Callable[..., Counter[int]]
) -> None:
    api.post("/api/products", **toy())
    headers = {"If-Match": api.get("/api/products/B000000001").headers["ETag"]}
    requests = [
        ("PATCH", "/api/products/B000000001", {"json": {"reviews": 1 + number}, "headers": headers})
        for number in range(WRITERS)
    ]
    assert at_once(requests) == {200: 1, 412: WRITERS - 1}


def test_a_product_that_many_requests_move_is_counted_in_its_last_category(
    api: httpx.Client, at_once: Callable[..., Counter[int]]
) -> None:
    api.post("/api/products", **toy())
    requests = [
        ("PATCH", "/api/products/B000000001", {"json": {"category_id": 1 + number % 2}}) for number in range(WRITERS)
    ]
    assert at_once(requests) == {200: WRITERS}
    where = api.get("/api/products/B000000001").json()["category_id"]
    assert count(api) == {where: 1, 3 - where: 0}


def test_exactly_one_of_many_deletes_succeeds(api: httpx.Client, at_once: Callable[..., Counter[int]]) -> None:
    api.post("/api/products", **toy())
    assert at_once([("DELETE", "/api/products/B000000001", {})] * WRITERS) == {204: 1, 404: WRITERS - 1}
    assert count(api) == {1: 0, 2: 0}
